# Two commands matter: `make run` opens the studio, `make test` runs the whole test suite. Both set up what they need.
PYTHON ?= python3
PORT ?= 8501
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1

# Installs with uv, which takes a tenth of pip's time, and with pip where uv cannot be had or cannot do it. uv does not
# read pip's settings, so an index of one's own is handed on to it.
define install
@$(BIN)/python -m uv --version >/dev/null 2>&1 || $(BIN)/pip install -q uv || true
@index=$${PIP_INDEX_URL:-$$($(BIN)/pip config get global.index-url 2>/dev/null)}; \
	[ -z "$$index" ] || export UV_DEFAULT_INDEX="$$index"; \
	$(BIN)/python -m uv pip install -q --python $(BIN)/python $(1) || $(BIN)/pip install -q $(1)
endef

.PHONY: run test test-long consumers lint sandbox-image bench clean

run: .venv/ready
	TURNWRIGHT_BUILD=$${TURNWRIGHT_BUILD:-on} $(BIN)/streamlit run app.py --server.port $(PORT)

test: .venv/ready-dev
	$(BIN)/python -m pytest -q -m "not browser and not long" -n 2 --dist loadfile
	$(BIN)/python -m pytest -q -m "browser and not long" -n 2 --dist loadfile --no-loadscope-reorder

test-long: .venv/ready-long
	$(BIN)/python -m pytest -q -m "long and not browser" -n 2 --dist load
	$(BIN)/python -m pytest -q -m "long and browser" -n 2 --dist load

# Holds exported files against the code of their consumers, each in an environment of its own.
consumers: .venv/ready-dev
	$(BIN)/python -m tests.targets.consumers

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
	$(call install,-r requirements.txt)
	touch $@

.venv/ready-dev: .venv/ready requirements-dev.txt requirements-templates.txt requirements-consumers.txt
	$(call install,-r requirements-dev.txt)
	$(call install,--no-deps -r requirements-templates.txt -r requirements-consumers.txt)
	@command -v chromium chromium-browser google-chrome >/dev/null || $(BIN)/playwright install chromium || \
		echo "No Chromium could be installed, so the browser tests will be left out."
	touch $@

.venv/ready-long: .venv/ready-dev requirements-long.txt requirements-datasets-4.0.0.txt requirements-datasets-4.3.0.txt
	$(call install,--no-deps -r requirements-long.txt)
	$(call install,--target .venv/datasets-4.0.0 --no-deps -r requirements-datasets-4.0.0.txt)
	$(call install,--target .venv/datasets-4.3.0 --no-deps -r requirements-datasets-4.3.0.txt)
	touch $@
