# Two commands are enough: `make run` and `make test`. Both install what they need into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test check chaos bench train clean

run: $(VENV)/.installed
	@$(BIN)/warmline run

test: $(VENV)/.installed-dev
	@$(BIN)/python -m pytest

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

chaos: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m chaos --timeout 1800 -s tests

bench: $(VENV)/.installed
	$(BIN)/python benchmarks/journey.py

train: $(VENV)/.installed
	$(BIN)/pip install --quiet -c constraints.txt -e '.[train]'

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Warmline needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Install it and run: make run PYTHON=python3.11")'
	@$(PYTHON) -m venv $(VENV) || { echo "Python could not make $(VENV). On Debian: apt-get install python3-venv"; exit 1; }

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing what Warmline needs into $(VENV) (once; about a minute)"
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e . || { echo "The packages could not be installed. Is there a network, and space on the disk? Then run this again."; exit 1; }
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "Installing what the tests need into $(VENV)"
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info
