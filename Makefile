# Two commands: `make verify` (is every shipped optimizer the paper's?) and `make test` (is the verifier right?).
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed

.PHONY: verify test lint clean

verify: $(INSTALLED)
	$(BIN)/adanorm-verify gate
	$(BIN)/adanorm-verify theory
	$(BIN)/adanorm-verify regret run --preset quick --out build/regret
	$(BIN)/python theory/checker.py

test: lint
	$(BIN)/pytest -n auto --dist worksteal --durations=20

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

clean:
	rm -rf .venv .packages .hypothesis .pytest_cache .mypy_cache .ruff_cache build dist *.egg-info
