import click

print("x")
