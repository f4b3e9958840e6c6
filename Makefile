# Each target makes .venv itself; only Python >= 3.11 is needed.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
DEMO ?=
RUNS ?= 200

.PHONY: demo test check bench bench-evidence screenshots clean

.venv/.app: pyproject.toml
	@test -n "$(PYTHON)" || { echo "canarytop needs Python 3.11 or newer on the PATH" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing canarytop into .venv ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check -e .
	@touch $@

.venv/.dev: .venv/.app
	@echo "installing the development tools into .venv ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[dev]'
	@touch $@

demo: .venv/.app
	@$(BIN)/canarytop demo $(DEMO)

test: .venv/.dev
	@$(BIN)/python -m pytest

check: .venv/.dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: .venv/.dev
	@$(BIN)/python -m bench

bench-evidence: .venv/.dev
	@$(BIN)/python -m bench.evidence --runs $(RUNS)

screenshots: .venv/.dev
	@$(BIN)/python -m screenshots

clean:
	@rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
