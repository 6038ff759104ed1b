# Everything a person types; `make` alone lists it. A command behind a target is in the README.

PYTHON ?= python3
VENV ?= .venv
PY := $(VENV)/bin/python
# Where to take torch from, for example an index of CPU-only wheels; plain PyPI if empty.
TORCH_INDEX ?=
POSTS ?= ingest/samples ingest/samples/broken

export PIP_DISABLE_PIP_VERSION_CHECK = 1

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: $(VENV)/.done  ## install everything into .venv (TORCH_INDEX=URL for CPU-only torch)

$(VENV)/.done: pyproject.toml constraints.txt stack/jars/*/*.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: Python 3.11 or newer is needed, this is $$($(PYTHON) -V): make PYTHON=python3.12"; exit 2; }
	@echo "installing into $(VENV): 2 to 5 minutes; 6 GB with the torch of PyPI, see TORCH_INDEX in the README for less"
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@$(if $(TORCH_INDEX),$(PY) -m pip install --quiet --no-deps --index-url $(TORCH_INDEX) $$(grep '^torch==' constraints.txt))
	@$(PY) -m pip install --quiet -c constraints.txt -e '.[ingest,classifier,indexer,web,stack,fast,dev]'
	@$(PY) -m stack install
	@touch $@

demo: setup  ## sample posts through Kafka, the classifier and Elasticsearch, then what people feel
	@$(PY) -m stack up --procfile Procfile.demo
	@set -a; . .stack/stack.env; EMOSTREAM_LOG_LEVEL=ERROR \
		$(PY) -m ingest replay $(POSTS) --shift-to-now --report .stack/logs/demo.json
	@set -a; . .stack/stack.env; $(PY) -m indexer summary --report .stack/logs/demo.json --wait 120 || \
		{ $(PY) -m stack status; echo "what a station says of itself: $(PY) -m stack logs classifier"; exit 1; }
	@echo "Servers and stations keep running, so the queries can be pasted; make down stops them."

up: address setup  ## servers and stations in the background, with a looping replay; `make down` stops them
	@$(PY) -m stack up --procfile Procfile

address:
	@echo "the page: http://127.0.0.1:8000 (when everything is up)"

train: setup  ## from public data to a measured model in runs/made (hours; goes on where it stopped)
	@$(PY) -m pip install --quiet -c constraints.txt -e '.[teacher,lab]'
	$(PY) -m classifier download
	EMOSTREAM_THREADS=$$(nproc) $(PY) -m classifier train --run runs/made --resume
	$(PY) -m classifier robustness runs/made
	$(PY) -m classifier evaluate runs/made

down:  ## stop servers and stations; their data stays
	@if test -x $(PY); then $(PY) -m stack down; else echo "nothing is installed, so nothing runs"; fi

test: setup  ## every ring: unit, wire, stack, end to end
	@$(PY) -m tests.web.browser.chromium
	$(PY) -m pytest -n 2 --dist loadfile

compose:  ## load the compose files with the specification's own library (needs Go)
	cd tests/compose/specification && go run . ../../.. docker-compose.yml docker-compose.yml,docker-compose.tls.yml

lint: setup  ## check only: format, style, types, who imports whom
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports

audit:  ## known vulnerabilities of the pinned versions (needs the network)
	@test -x .audit/bin/pip-audit || { $(PYTHON) -m venv .audit && .audit/bin/pip install --quiet pip-audit; }
	.audit/bin/pip-audit --strict --no-deps --disable-pip --requirement constraints.txt

doctor: setup  ## what is wrong with the running system, and how to mend it
	@$(PY) -m stream doctor

format: setup  ## write: format and mend what can be mended
	$(PY) -m ruff check --fix-only .
	$(PY) -m ruff format .

.DEFAULT_GOAL := help
.PHONY: help setup demo up address train down test compose lint audit doctor format
