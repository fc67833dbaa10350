# Two commands are enough: `make run` and `make test`. Both install what they need into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test check chaos bench pictures train clean

run: $(VENV)/.installed
	@$(BIN)/warmline run

test: $(VENV)/.browser
	@$(BIN)/python -m pytest -n 3 --dist worksteal

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# A browser for the tests that look at pages: Debian's, where it may be installed; without one they say that they are skipped.
$(VENV)/.browser: $(VENV)/.installed-dev
	@command -v chromium >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing chromium, for the tests in a browser (once)"; \
	    export DEBIAN_FRONTEND=noninteractive; \
	    apt-get install -y -qq --no-install-recommends chromium >/dev/null 2>&1 || \
	    { apt-get update -qq >/dev/null 2>&1 && apt-get install -y -qq --no-install-recommends chromium >/dev/null 2>&1; } || \
	    echo "Chromium could not be installed."; \
	  fi; }
	@command -v chromium >/dev/null && touch $@ || echo "No chromium: the tests in a browser will be skipped. To run them: apt-get install chromium"

chaos: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m chaos --timeout 1800 -s tests

bench: $(VENV)/.installed
	$(BIN)/python benchmarks/journey.py

pictures: $(VENV)/.browser
	$(BIN)/python -m docs.pictures

train: $(VENV)/.installed
	$(BIN)/pip install --quiet -c constraints.txt -e '.[train]'

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON) here. Install Python 3.11 or newer, or name it: make run PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Warmline needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Install it and run: make run PYTHON=python3.11")'
	@$(PYTHON) -m venv $(VENV) || { echo "Python could not make $(VENV). On Debian: apt-get install python3-venv"; exit 1; }

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing what Warmline needs into $(VENV) (once; about a minute)"
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e . || { echo "The packages could not be installed. Is there a network, and space on the disk? Then run this again."; exit 1; }
	@$(BIN)/python -m compileall -q bot channels handoff intents models store  # so that no start has to, wherever it runs
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "Installing what the tests need into $(VENV)"
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info
