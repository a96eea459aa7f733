# `make demo` and `make test` set up everything they need in .venv and in Lava's own environment.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test check test-core lava clean

demo: $(VENV)/.dev lava
	$(BIN)/nmtool demo

# The CUDA engine's tests run in Numba's simulator, which has to be asked for before Numba starts.
test: $(VENV)/.dev lava check
	$(BIN)/python -m pytest
	NUMBA_ENABLE_CUDASIM=1 $(BIN)/python -m pytest -m cuda

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

lava: $(VENV)/.dev
	$(BIN)/nmtool lava setup

# Everything that needs neither torch nor Lava, for any supported Python: make test-core PYTHON=python3.13
test-core: VENV = .venv-core-$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
test-core:
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --upgrade pip
	$(VENV)/bin/python -m pip install --quiet -e '.[test]'
	$(VENV)/bin/python -m pytest -m 'not torch and not lava'

$(VENV)/.dev: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13) and "nmtool needs Python 3.10 to 3.13: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e '.[dev]'
	touch $@

clean:
	rm -rf .venv .venv-core-* .pytest_cache .mypy_cache .ruff_cache .hypothesis
