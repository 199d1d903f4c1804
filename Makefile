# What a contributor runs. Everything lives in .venv and var; nothing is installed outside this folder.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := gateway adapters identity e_license e_seal payments kernel
STAMP := $(VENV)/.setup-$(shell cat requirements/dev.txt pyproject.toml requirements/setup 2>/dev/null | cksum | cut -d' ' -f1)

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

.PHONY: help setup peers demo test check fmt bench migrate coverage lock clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

setup: $(STAMP) ## Python environment with the pinned dependencies; does nothing when it is up to date
	@:

$(STAMP):
	@requirements/setup "$(PYTHON)" "$(VENV)"
	@rm -f $(VENV)/.setup-*
	@touch $@

demo: setup ## the whole system with a simulated province, on this machine (ARGS="--help" for its options)
	@$(BIN)/onewindow demo $(ARGS)

check: setup ## lint, format, types and import contracts
	@echo "ruff check";  $(BIN)/ruff check .
	@echo "ruff format"; $(BIN)/ruff format --check .
	@echo "mypy --strict"; $(BIN)/mypy
	@echo "import contracts"; $(BIN)/lint-imports --no-logo

peers: ## ofd-cli and npm packages that judge sealed documents in tests/peers; leaves out what cannot be had
	@tests/peers/setup

test: check peers ## check, then every test
	@$(BIN)/pytest -n auto --dist loadgroup $(ARGS)

coverage: setup ## tests with branch coverage
	@$(BIN)/pytest -n auto --dist loadgroup --cov --cov-report=term $(ARGS)

fmt: setup ## format, and fix what can be fixed
	@$(BIN)/ruff check --fix --exit-zero --quiet .
	@$(BIN)/ruff format .

bench: setup ## measure this machine (ARGS="--help" for its options)
	@$(BIN)/python -m bench $(ARGS)

migrate: setup ## bring the configured database to the newest schema
	@$(BIN)/onewindow db upgrade $(ARGS)

lock: setup ## compile requirements from pyproject.toml (needs uv)
	@requirements/compile

clean: ## remove the environment and caches; var, which holds data, stays
	@rm -rf $(VENV) tests/peers/node_modules tests/peers/ofd-cli .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
