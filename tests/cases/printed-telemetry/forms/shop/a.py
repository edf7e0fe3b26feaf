import sys as s
import pprint


def f(x):
    print("x") if x else None  # error: OBS108
    s.stderr.write("x")  # error: OBS108
    pprint.pp(x)  # error: OBS108
    pprint.pformat(x)
    print(x, file=None)  # error: OBS108
    return """
print("in text")
"""
