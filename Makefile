# What one does daily. On Windows, run the commands below by hand with .venv\Scripts in place of .venv/bin.
BIN := .venv/bin
CHECKOUTS ?= .

.PHONY: help venv check test docs bench oracle ci

help:  ## show this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/'

venv:  ## an environment with all that development needs
	python3 -m venv .venv
	$(BIN)/pip install -q -e '.[test]' -e 'packages/obs_surface[test]'

check:  ## ruff, mypy, import-linter, and obs-lint on itself
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/obs-lint check
	$(BIN)/python -m obs_lint.catalogue --check
	$(BIN)/python docs/generate_rules.py --check

test:  ## the tests
	$(BIN)/python -m pytest -q

docs:  ## compile rules/ into obs_lint/rules.json, and write docs/rules/ and the JSON Schema of the options
	$(BIN)/python -m obs_lint.catalogue
	$(BIN)/python docs/generate_rules.py

bench:  ## obs-lint beside ruff: make bench CHECKOUTS="../saleor ../sympy"
	$(BIN)/python benchmarks/run.py $(CHECKOUTS)

oracle:  ## OBS102 against ruff's TID251: make oracle CHECKOUTS="../saleor ../sympy"
	$(BIN)/python benchmarks/differential.py $(CHECKOUTS)

ci:  ## everything, in environments made from nothing
	.ci/run
