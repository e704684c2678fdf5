# Everything a contributor or a machine does with this repository.
#
#   make demo     the quickstart of the manual, in a new folder demo/
#   make demo-uhecr    the application, examples/uhecr, in minutes
#   make uhecr-middle  the same at the size of its results
#   make uhecr-full    the same at the thesis' own sizes: a day
#   make test     the tests
#   make check    formatting, lint, types, architecture
#   make bench    the benchmarks; fails when a limit is missed
#   make docs     the documentation, into build/docs
#   make clean    remove what the above made
#
# Nothing but Python 3.11 or newer with pip, make and git is needed to start.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The first of these that is new enough; `make PYTHON=/path/to/python test` overrides.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for each in python3.11 python3.12 python3.13 python3 python; do \
	"$$each" -c '$(NEW_ENOUGH)' 2>/dev/null && { echo "$$each"; break; }; done)

VENV := .venv
BIN := $(abspath $(VENV))/bin
STAMPS := $(VENV)/stamps

export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PIP_ROOT_USER_ACTION = ignore
# A Python without ensurepip makes a venv without pip: its own pip then installs there.
PIP = $$(if test -e $(VENV)/bin/pip; then echo "$(BIN)/python -m pip"; \
	else echo "$(PYTHON) -m pip --python $(BIN)/python"; fi)
# Twice quiet: only what went wrong is worth a line.
INSTALL = $(PIP) install -qq --constraint constraints.txt

PYTEST_WORKERS ?= 2
PYTEST_OPTIONS ?=

.PHONY: help demo test check bench docs clean lint format types layers
.PHONY: demo-uhecr uhecr-middle uhecr-full
.PHONY: install-demo install-uhecr install-test install-check install-docs

help:
	@sed -n '2,/^$$/s/^# \{0,1\}//p' Makefile

$(STAMPS)/venv:
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11 or newer was found;" \
		"name one: make PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) >/dev/null 2>&1 || \
		$(PYTHON) -m venv --clear --without-pip $(VENV)
	@mkdir -p $(STAMPS)
	@touch $@

# One stamp for each set of dependencies: made again only when they change.
$(STAMPS)/demo: EXTRAS = examples
$(STAMPS)/uhecr: EXTRAS = uhecr
$(STAMPS)/test: EXTRAS = test
$(STAMPS)/check: EXTRAS = check,test
$(STAMPS)/docs: EXTRAS = docs
$(STAMPS)/demo $(STAMPS)/uhecr $(STAMPS)/test $(STAMPS)/check $(STAMPS)/docs: \
		$(STAMPS)/venv pyproject.toml constraints.txt
	@echo "installing ml-experiment[$(EXTRAS)] into $(VENV)"
	@$(INSTALL) --editable '.[$(EXTRAS)]'
	@# pip compiles what it copies, and nothing of what it leaves in its place.
	@$(BIN)/python -m compileall -q src
	@touch $@

install-demo: $(STAMPS)/demo
install-uhecr: $(STAMPS)/uhecr
# The validator of crates wants another Rich than we do.
$(STAMPS)/validator: $(STAMPS)/test
	@$(BIN)/python -m venv --clear --without-pip $(VENV)/validator
	@$$(if test -e $(VENV)/bin/pip; then echo $(BIN)/python; else echo $(PYTHON); fi) \
		-m pip --python $(VENV)/validator/bin/python install -qq \
		--constraint constraints.txt roc-validator
	@touch $@

install-test: $(STAMPS)/test $(STAMPS)/validator
install-check: $(STAMPS)/check
install-docs: $(STAMPS)/docs

# The paths are those of the manual's quickstart, so its command is used as it stands.
demo: install-demo
	@mkdir -p demo/examples
	@cp -R examples/scripts examples/experiments demo/examples/
	@echo '$$ ml-experiment --config_file examples/experiments/svm.yaml'
	@cd demo && $(BIN)/ml-experiment --config_file examples/experiments/svm.yaml
	@echo
	@echo '$$ ml-experiment show'
	@cd demo && $(BIN)/ml-experiment show
	@echo
	@echo 'Look at:'
	@echo '  demo/examples/scripts/train_svm.py       the script: one decorator'
	@echo '  demo/examples/experiments/svm.yaml       its configuration'
	@echo '  demo/.ml_experiment/runs/                all that was recorded of the run'
	@echo '  cd demo && $(BIN)/ml-experiment ui       the same in the browser'

demo-uhecr: install-uhecr
	@cd examples/uhecr && $(BIN)/python run.py --size small
	@echo
	@cat examples/uhecr/results-small/table.md
	@echo
	@echo 'Look at:'
	@echo '  examples/uhecr/README.md                    what all of it is about'
	@echo '  examples/uhecr/results-small/figures/       the figures, here from few trials'
	@echo '  examples/uhecr/results/                     the same at the middle size'

# Interrupted, they go on where they were.
uhecr-middle uhecr-full: uhecr-%: install-uhecr
	@cd examples/uhecr && $(BIN)/python run.py --size $*

test: install-test
	@$(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist loadfile $(PYTEST_OPTIONS)

# One target each, so that `make --keep-going check` tells all that is wrong.
check: lint format types layers

lint: install-check
	$(BIN)/ruff check .

format: install-check
	$(BIN)/ruff format --check .

types: install-check
	$(BIN)/mypy

layers: install-check
	$(BIN)/lint-imports

# All of them run, also when one has missed its limit.
bench: install-demo
	@status=0; for each in benchmarks/bench_*.py; do \
		$(BIN)/python "$$each" || status=1; done; exit $$status

docs: install-docs
	@$(BIN)/mkdocs build --quiet --strict --site-dir build/docs
	@echo 'open build/docs/index.html'

clean:
	rm -rf $(VENV) build dist demo .pytest_cache .mypy_cache .ruff_cache \
		.import_linter_cache .hypothesis
