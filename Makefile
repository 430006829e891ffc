# Two commands matter: `make run` opens the studio, `make test` runs the whole test suite. Both set up what they need.
PYTHON ?= python3
PORT ?= 8501
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: run test test-long lint sandbox-image bench clean

run: .venv/ready
	@PYTHON=$(BIN)/python assets/sandbox/build.sh || echo "No sandbox image, so tools run in the local sandbox, which does not isolate."
	$(BIN)/streamlit run app.py --server.port $(PORT)

test: .venv/ready-dev
	$(BIN)/python -m pytest -q -m "not browser and not long" -n 2 --dist loadfile
	$(BIN)/python -m pytest -q -m "browser and not long" -n 2 --dist loadfile --no-loadscope-reorder

test-long: .venv/ready-dev
	$(BIN)/python -m pytest -q -m long

lint: .venv/ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

sandbox-image: .venv/ready
	PYTHON=$(BIN)/python assets/sandbox/build.sh

bench: .venv/ready-dev
	$(BIN)/python -m bench

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Turnwright needs Python 3.11 or newer. Name one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

.venv/ready: .venv/bin/python requirements.txt assets/sandbox/requirements.txt
	$(BIN)/pip install -q -r requirements.txt
	touch $@

.venv/ready-dev: .venv/ready requirements-dev.txt requirements-templates.txt
	$(BIN)/pip install -q -r requirements-dev.txt
	$(BIN)/pip install -q --no-deps -r requirements-templates.txt
	@command -v chromium chromium-browser google-chrome >/dev/null || $(BIN)/playwright install chromium || \
		echo "No Chromium could be installed, so the browser tests will be left out."
	touch $@
