# Lipcast: `make serve` sets up and serves, `make test` sets up and tests. Everything stays in .venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: serve test check check-page format bench clean

serve: .venv/base
	$(BIN)/lipcast serve

test: .venv/dev
	$(BIN)/python -m pytest

check: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The join page's types, by tsc over its JSDoc; needs npm.
check-page: tests/browser/node_modules
	tests/browser/node_modules/.bin/tsc -p streamer/web/jsconfig.json

tests/browser/node_modules: tests/browser/package.json
	npm --prefix tests/browser install --no-audit --no-fund --no-package-lock --silent
	touch $@

format: .venv/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/dev
	$(BIN)/python -m benchmarks.latency --seconds 60 --browser --json benchmarks/results/latency_browser_diffusion.json

clean:
	rm -rf .venv

# An interpreter without ensurepip (Debian's python3 without python3-venv) says so itself.
.venv/bin/python:
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Lipcast needs Python 3.11 or later: make PYTHON=python3.11"'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip

.venv/base: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/dev: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@ .venv/base
