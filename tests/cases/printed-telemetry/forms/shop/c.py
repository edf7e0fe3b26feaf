from builtins import print as p

p("x")  # error: OBS108
