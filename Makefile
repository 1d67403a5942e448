# `make demo` and `make test` are all there is to know; both make their own environment.
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3.11
JOBS ?= 2
EXTRAS := all,dev

.PHONY: setup demo test test-slow faults lint bench chart clean

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[$(EXTRAS)]"
	touch $@

# The second spec is refused by its parity gate, which is what the exit code 2 says.
demo: setup
	$(BIN)/assay up
	$(BIN)/assay run examples/adult/adult.yaml
	$(BIN)/assay run examples/adult/adult-strict.yaml || test $$? = 2

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p assay -p assay_flows
	$(BIN)/lint-imports

# Files of tests side by side; a file stays whole, since its servers are started once.
test: setup lint
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile

test-slow: setup
	$(BIN)/python -m pytest -m slow

# Every fault of the matrix (tests/faults/matrix.py), by real processes; those on several hosts want root.
faults: setup
	$(BIN)/python -m tests.faults.matrix

bench: setup
	$(BIN)/python benchmarks/speed.py

# What a chart can be asked without a cluster. Checkov wants other versions than ours, so it lives by itself.
chart: setup .venv-checkov/.installed
	$(BIN)/python -m pytest tests/helm tests/infra

.venv-checkov/.installed:
	$(PYTHON) -m venv .venv-checkov
	.venv-checkov/bin/pip install --quiet --disable-pip-version-check checkov==3.3.30
	touch $@

clean:
	rm -rf $(VENV) .venv-checkov .assay
