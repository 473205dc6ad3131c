PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test test-slow check bench wheel clean

demo: $(INSTALLED)  ## install, then all four steps on two small photographs
	$(BIN)/ikebench demo --workspace demo

test: $(INSTALLED)  ## install, then the tests
	$(BIN)/python -m pytest -n auto --dist worksteal

test-slow: $(INSTALLED)  ## the tests that take minutes
	$(BIN)/python -m pytest -m slow

check: $(INSTALLED)  ## lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(INSTALLED)  ## measure the speed of every zero-shot method: benchmarks/speed.md
	$(BIN)/python benchmarks/bench.py

wheel: $(INSTALLED)
	$(BIN)/python -m build --wheel

clean:
	rm -rf $(VENV) build dist *.egg-info

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $@
