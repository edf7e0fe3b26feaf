"""One module a worker; `runtime` is what they have in common."""
