from . import a

alias = a
alias.M.info("x")  # error: OBS103
