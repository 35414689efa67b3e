# Two commands: `make demo` and `make test`. Without make, type what they do: CONTRIBUTING.md, "Without make".
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
# Empty, or the version of a Python that is too old.
OLD = $(shell $(PYTHON) -c 'import sys; print("" if sys.version_info >= (3, 11) else "%d.%d" % sys.version_info[:2])')

.PHONY: demo test test-all oracles lint types docs site man benchmarks clean

demo: $(READY)
	$(BIN)/gantool demo

# Where it is set, every process of a test compiles gantool anew, and those that share the tests out compile all of these.
test test-all: export PYTHONDONTWRITEBYTECODE =

test: lint types
	$(BIN)/python -m pytest -m "not slow" -n 2

test-all: lint types
	$(BIN)/python -m pytest -n 2 --cov=gantool --cov-fail-under=90 --cov-report=term:skip-covered

oracles: $(READY)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[oracles]"
	$(BIN)/python -m pytest tests/oracles

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/lint-imports --no-cache --no-logo

types: $(READY)
	$(BIN)/mypy

docs: $(READY)
	$(BIN)/python docs/generate.py

site: $(READY)
	$(BIN)/python docs/build_site.py

man: $(READY)
	$(BIN)/python docs/man.py

benchmarks: $(READY)
	$(BIN)/python benchmarks/speed.py

$(READY): pyproject.toml constraints.txt
	$(if $(OLD),$(error gantool needs Python 3.11 or newer, and $(PYTHON) is $(OLD). \
	Name a newer one: make $(or $(MAKECMDGOALS),demo) PYTHON=python3.12))
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[onnx,heif,hub,dev,docs]"
	touch $(READY)

clean:
	rm -rf $(VENV) build dist *.egg-info
