# make demo and make test are all a newcomer needs: each sets up what it needs and says so.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
UV_VERSION := 0.13.9
PYTEST_ARGS ?=
# Most tests wait for brokers and browsers: more processes than cores, each with its own Kafka.
TEST_PROCESSES ?= 4
PYTEST := $(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder

# The tests start hundreds of processes: what one has compiled the next shall find.
unexport PYTHONDONTWRITEBYTECODE

# The first Python on the PATH that is new enough; PYTHON=… names another.
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	command -v $$name >/dev/null 2>&1 \
	&& $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& echo $$name && break; done)

.PHONY: help demo test check format constraints wheel clean
help: ## Show what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: $(INSTALLED) ## Run the real pipeline with simulated shoppers
	@exec $(BIN)/nudge demo

test: $(INSTALLED) ## Run all tests, on a real Kafka and a real Redis
	@$(PYTEST) $(PYTEST_ARGS)

check: $(INSTALLED) ## Everything that CI runs: format, lint, types, import rules, tests
	@echo "== ruff format" && $(BIN)/ruff format --check .
	@echo "== ruff check" && $(BIN)/ruff check .
	@echo "== mypy --strict" && $(BIN)/mypy
	@echo "== import rules" && $(BIN)/lint-imports
	@echo "== tests" && $(PYTEST) $(PYTEST_ARGS)

format: $(INSTALLED) ## Format the code and mend what lint can mend
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

constraints: $(INSTALLED) ## Pin the newest allowed versions in constraints.txt
	@$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
		--upgrade --no-annotate --no-header --quiet --output-file $(VENV)/constraints.txt
	@{ head -n 1 constraints.txt; cat $(VENV)/constraints.txt; } > $(VENV)/constraints.new
	@mv $(VENV)/constraints.new constraints.txt && echo "constraints.txt is new: run make check"

wheel: $(INSTALLED) ## Build dist/*.whl with a compiled core, as the image has it (needs a C compiler)
	@HATCH_BUILD_HOOKS_ENABLE=1 $(BIN)/python -m pip wheel --quiet --disable-pip-version-check \
		--no-deps --wheel-dir dist . && ls dist/*.whl

clean: ## Remove the virtual environment and what was downloaded into .local
	@rm -rf $(VENV) .local && echo "removed $(VENV) and .local"

$(INSTALLED): pyproject.toml constraints.txt
	@if [ -z "$(PYTHON)" ]; then \
		echo "Nudge needs Python 3.11 or newer, and there is none on the PATH$$(command -v python3 >/dev/null && echo " (python3 is $$(python3 -V 2>&1))")." >&2; \
		echo "Install one (Debian and Ubuntu: apt-get install python3 python3-venv; macOS: brew install python)," >&2; \
		echo "or name it: make PYTHON=/path/to/python3.12 …" >&2; exit 1; fi
	@if [ ! -x $(BIN)/python ]; then \
		echo "· making $(VENV) with $$($(PYTHON) -V)"; \
		$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
			echo "$(PYTHON) cannot make a virtual environment (Debian and Ubuntu: apt-get install python3-venv)." >&2; exit 1; }; fi
	@echo "· installing what constraints.txt pins into $(VENV)"
	@[ -x $(BIN)/uv ] || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION) 2>/dev/null \
		|| echo "· uv cannot be installed here: using pip, which is slower"
	@if [ -x $(BIN)/uv ]; then VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --constraint constraints.txt --editable '.[dev]'; \
	else $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'; fi
	@touch $@ && echo "✓ installed"
