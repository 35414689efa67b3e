# Two commands: `make demo` and `make test`. Without make, type what they do: README, "Without make".
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready

.PHONY: demo test test-all lint types docs benchmarks clean

demo: $(READY)
	$(BIN)/gantool demo

test: lint types
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadgroup

test-all: lint types
	$(BIN)/python -m pytest -n 2 --dist loadgroup --cov=gantool --cov-fail-under=90 --cov-report=term:skip-covered

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

docs: $(READY)
	$(BIN)/python docs/generate.py

benchmarks: $(READY)
	$(BIN)/python benchmarks/speed.py

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[onnx,dev]"
	touch $(READY)

clean:
	rm -rf $(VENV) build dist *.egg-info
