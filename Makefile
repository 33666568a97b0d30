# make app: the whole thing in a browser. make test: everything that must hold. Only Python 3.11, pip and make are needed.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
REQUIREMENTS := $(shell command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi -L >/dev/null 2>&1 && echo requirements-gpu.txt || echo requirements.txt)
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --no-input
TEST_WORKERS ?= 2

.PHONY: app setup demo demo-results lint test browser fuzz kills kit map docs method bench calibration screenshots clean help
.DEFAULT_GOAL := help

help:  ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

app: .venv/.ready  ## open EmbedLab in the browser
	$(BIN)/streamlit run app.py

setup: .venv/.ready .venv/.ready-test  ## install everything, also for the tests

demo: .venv/.ready  ## the whole job without a screen: train, compare, report in out/demo
	$(BIN)/python -m embedlab demo --out out/demo

demo-results: .venv/.ready  ## renew the results that come with EmbedLab (embedlab/demo/results)
	$(BIN)/python -m embedlab demo --ship

lint: .venv/.ready-test  ## ruff, mypy, import-linter
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: .venv/.ready-test browser lint  ## the checks, then every test
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile

fuzz: .venv/.ready-test  ## 10,000 hostile files: each is read, or refused with a sentence
	$(BIN)/python -m tests.corpus.fuzz --fuzz-cases 10000 --seed 0

kills: .venv/.ready-test  ## end the training worker at every file operation: the result must not change
	$(BIN)/python -m pytest -m "" --timeout 5400 tests/training/test_resume.py

kit: .venv/.ready-test  ## the ten words of ../shared/kit, every layer, against what was measured independently
	$(BIN)/python -m pytest -m long --timeout 5400 tests/compare/test_kit.py

docs: .venv/.ready-test  ## the site of the documentation, in out/site
	$(BIN)/python -m scripts.glossary
	$(BIN)/mkdocs build --quiet

method: .venv/.ready  ## renew docs/method.md from embedlab/comparing/method
	$(BIN)/python -m scripts.method

map: .venv/.ready  ## renew the map of all files at the end of the README
	$(BIN)/python -m scripts.file_map

bench: .venv/.ready-test  ## time and memory, beside other implementations
	@for script in benchmarks/*.py; do \
	  echo "== $$script"; $(BIN)/python -m benchmarks.$$(basename $$script .py) || exit 1; done
	$(BIN)/python -m benchmarks.train

calibration: .venv/.ready-test  ## how often a change is called where there is none, and found where there is (an hour)
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.calibration

screenshots: .venv/.ready-test browser  ## docs/screenshots, from a workspace of their own
	@mkdir -p out; \
	EMBEDLAB_WORKSPACE=out/screenshots $(BIN)/streamlit run app.py --server.headless true --server.port 8599 \
	  > out/screenshots.log 2>&1 & server=$$!; trap 'kill $$server' EXIT; \
	for second in $$(seq 60); do grep -q 127.0.0.1:8599 out/screenshots.log && break; sleep 1; done; \
	$(BIN)/python -m scripts.screenshots --url http://127.0.0.1:8599 --out docs/screenshots

# A browser for the browser tests; without root or apt they are skipped, and say so.
browser:
	@if command -v chromium >/dev/null || ! command -v apt-get >/dev/null; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ]; then sudo=; elif sudo -n true 2>/dev/null; then sudo=sudo; else exit 0; fi; \
	( $$sudo apt-get -qq update && $$sudo env DEBIAN_FRONTEND=noninteractive \
	  apt-get -qq install -y --no-install-recommends chromium fonts-dejavu fonts-liberation ) >/dev/null 2>&1 || true

clean:  ## everything that was made here, except .venv and the workspace
	rm -rf out .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build *.egg-info
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

# torch first and alone, so that its build is chosen by the machine and not by what asks for it.
# Debian's Python comes without ensurepip: then its own pip puts one into the environment.
.venv/.ready: requirements.txt requirements-gpu.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv >/dev/null 2>&1 || $(PYTHON) -m venv --clear --without-pip .venv
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m pip --python $(BIN)/python install --quiet pip
	$(PIP) $$(grep '^torch==' $(REQUIREMENTS))
	$(PIP) -r $(REQUIREMENTS)
	touch $@

.venv/.ready-test: .venv/.ready requirements-test.txt
	$(PIP) -r requirements-test.txt
	touch $@
