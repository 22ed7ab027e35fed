# SPDX-License-Identifier: Apache-2.0
# make run: try it on this machine. make test: the tests. make check: what CI checks. make bench: against Postfix.
# make fuzz: the long form of the fuzzers.

PYTHON := $(shell command -v python3.11 || command -v python3 || echo python3)
BIN := .venv/bin
STAMP := .venv/installed

.PHONY: run test check lint prepare bench fuzz clean
.DELETE_ON_ERROR:

run: $(STAMP)
	@$(BIN)/python -m gateway.tryout

test: $(STAMP) prepare
	$(BIN)/pytest

check: lint test

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --strict
	$(BIN)/lint-imports

bench: $(STAMP)
	@$(BIN)/python -m bench

# The long form of the fuzzers, an hour: MINUTES=5 for less.
fuzz: $(STAMP)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -e '.[fuzz]'
	@$(BIN)/python -m tests.fuzz.long_run --minutes $(or $(MINUTES),60)

# The programs that tests start; without root it only says which packages to install.
prepare:
	@tests/prepare.sh

# A new .venv is complete or absent: a half-made one would look finished to the next run.
$(BIN)/python:
	@echo "casegate: making .venv with $(PYTHON)"
	@tests/venv.sh "$(PYTHON)" .venv

$(STAMP): pyproject.toml | $(BIN)/python
	@echo "casegate: installing its libraries into .venv (about half a minute)"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -e '.[dev,postgres]'
	@touch $@

clean:
	rm -rf .venv var .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
