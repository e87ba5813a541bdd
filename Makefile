# make app | test | test-fast | check | fix | install | stop | recordings | pictures | measurements | choice | figures | soak | gpu | gpu-paper | gpu-kit
PYTHON ?= python3
PORT ?= 8501
GRID ?= digits
JOBS ?= 1
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PYTHONUNBUFFERED = 1

.PHONY: app install test test-fast check fix stop recordings pictures measurements choice figures soak browser gpu gpu-paper gpu-kit

app: install
	@$(BIN)/python -m app.launch --port $(PORT)

stop:
	@$(BIN)/acl backend --stop

install: .venv/installed

# uv is many times faster than pip with torch's large wheels; pip brings it where it is missing.
$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ACL Explorer needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet uv

.venv/installed: $(BIN)/uv requirements.txt pyproject.toml
	$(BIN)/uv pip install --python $(BIN)/python --compile-bytecode -r requirements.txt
	@touch $@

.venv/installed-dev: .venv/installed requirements-dev.txt requirements-photos.txt requirements-ray.txt requirements-sinks.txt
	$(BIN)/uv pip install --python $(BIN)/python -r requirements-dev.txt
	@touch $@

browser: .venv/installed-dev
	@tests/install-browser.sh

# A file's tests share what they start, so each file is one worker's.
test: .venv/installed-dev browser
	$(BIN)/pytest -m "not soak" -n logical --maxprocesses 4 --dist loadfile

# While working: without a browser and without what takes tens of seconds.
test-fast: .venv/installed-dev
	$(BIN)/pytest -m "not soak and not e2e and not slow" -n logical --dist loadfile

soak: .venv/installed-dev browser
	$(BIN)/pytest -m soak

check: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

fix: .venv/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python -m tests.house
	$(BIN)/python -m tests.test_docs

recordings: install
	$(BIN)/python assets/record.py

# README's pictures, out of the app itself.
pictures: browser
	$(BIN)/python -m assets.pictures

measurements: install
	$(BIN)/python -m assets.measure

choice: install
	$(BIN)/python -m assets.choice

figures: install
	$(BIN)/python -m benchmarks.figures $(GRID) --jobs $(JOBS) $(if $(DATA),--data "$(DATA)")

# On a machine with a CUDA GPU: docs/gpu.md. SET="cuda_graphs=true precision=bfloat16"
gpu: install
	$(BIN)/python -m benchmarks.gpu checks --minutes $(or $(MINUTES),4) $(if $(DATA),--data "$(DATA)")

gpu-paper: install
	$(BIN)/python -m benchmarks.gpu paper --minutes $(or $(MINUTES),8) --jobs $(JOBS) $(if $(DATA),--data "$(DATA)") \
		$(if $(SET),--set $(SET))

gpu-kit: install
	@benchmarks/gpu/kit.sh "$(DATA)"
