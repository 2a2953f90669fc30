# make demo: the main job, on loopback; no root, no system package.   make test: the whole suite.
VENV := .venv
PYTHON ?= python3
STAMP := $(VENV)/.installed
PROJECT := tests/sample_project
MODULES := $(PROJECT)/node_modules/.installed
AXE := tests/browser/node_modules/.installed
BUNDLERS := tests/bundlers/node_modules/.installed

.PHONY: demo test unit integration browser served fresh ready chaos chaos-short bench lint format types docs site recording servers pythons compiled clean

demo: $(STAMP) $(MODULES) compiled
	$(VENV)/bin/python -m demo

test: unit served chaos-short

# what the tests stand on: `make -j3 ready` lets pip, npm and apt work side by side
ready: $(STAMP) $(MODULES) $(AXE) $(BUNDLERS) servers compiled pythons

unit: $(STAMP) servers compiled pythons
	$(VENV)/bin/pytest -q -n 2 tests/unit

# more workers than cores, since each waits now and then for what it started
# the order is conftest.py's own: by number of tests, the longest file would begin last
SERVED := $(VENV)/bin/pytest -q -n 4 --dist loadfile --no-loadscope-reorder

integration: $(STAMP) $(MODULES) $(BUNDLERS) servers compiled
	$(SERVED) tests/integration

# both in one session: neither leaves a core idle at its end
served: $(STAMP) $(MODULES) $(AXE) $(BUNDLERS) servers compiled
	$(SERVED) tests/integration tests/browser

# README's commands on fresh Debians, in folders; needs root. The first run makes the root: one to three minutes
fresh: $(STAMP)
	sh tests/fresh/root.sh .cache/debian
	unshare --net --mount $(VENV)/bin/pytest -q tests/fresh

browser: $(STAMP) $(AXE) servers
	$(VENV)/bin/pytest -q tests/browser

# N seeded schedules of faults on FLEETS loopback fleets at once; docs/chaos.md
N ?= 500
FLEETS ?= 2
chaos: $(STAMP) servers compiled
	$(VENV)/bin/python -m chaos --seeds 1-$(N) --fleets $(FLEETS)

chaos-short: $(STAMP) servers compiled
	$(VENV)/bin/python -m chaos --seeds 1-25 --fleets 4

# every row of benchmarks/RESULTS.md; ROWS="rollback status" measures those alone, TIMES=1 is a first look
TIMES ?= 5
bench: $(STAMP) $(MODULES) servers compiled
	$(VENV)/bin/python -m benchmarks.run --times $(TIMES) $(if $(ROWS),--only $(ROWS))

lint: $(STAMP)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: $(STAMP)
	$(VENV)/bin/mypy

format: $(STAMP)
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

docs: $(STAMP)
	$(VENV)/bin/python docs/generate.py

# the docs as pages with a search: .site/html
site: $(STAMP)
	rm -rf .site && mkdir .site
	$(VENV)/bin/python docs/site.py .site/pages
	$(VENV)/bin/zensical build --strict
	@echo "open .site/html/index.html, or: $(VENV)/bin/python -m http.server -d .site/html"

recording: $(STAMP) $(MODULES)
	$(VENV)/bin/python docs/record.py

servers:
	sh tests/servers.sh

# in which the tests of what runs on hosts are run again
pythons: $(STAMP)
	$(VENV)/bin/python tests/pythons.py

# as pip does when it installs a package: Invoke has Python keep no bytecode, so each `fab` would compile ours anew
compiled: $(STAMP)
	$(VENV)/bin/python -m compileall -q fab_static demo chaos benchmarks

# compiled on every core, where pip takes one; what some package has for another Python cannot be compiled
$(STAMP): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed: make PYTHON=python3.11 …" if sys.version_info < (3, 11) else 0)'
	@echo "pip installs fab_static and what its tests need into $(VENV): once, about a minute"
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --no-compile --editable '.[dev]'
	$(VENV)/bin/python -m compileall -q -j 0 $(VENV)/lib || true
	touch $@

$(MODULES): $(PROJECT)/package-lock.json | $(STAMP)
	@echo "npm installs the sample shop's lessc and uglify-js into $(PROJECT)/node_modules: once"
	cd $(PROJECT) && ../../$(VENV)/bin/python -c 'import checkout; checkout.install_packages()'
	touch $@

$(AXE): tests/browser/package-lock.json
	cd tests/browser && npm ci --no-audit --no-fund --silent
	touch $@

$(BUNDLERS): tests/bundlers/package-lock.json
	cd tests/bundlers && npm ci --ignore-scripts --no-audit --no-fund --silent
	touch $@

clean:
	rm -rf $(VENV) $(PROJECT)/node_modules tests/browser/node_modules tests/bundlers/node_modules .demo
