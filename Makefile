# Each target sets up what it needs, from nothing but Python 3.11+, make and the package registry; it is quick when nothing changed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
JOBS ?= $(shell echo $$((1 + $$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2))))

.PHONY: help setup demo test fuzz torture format check audit bench picture screenshots vendor lock clean

help:
	@echo "make demo     send a real dispatch to a list of readers, here, and look at the result"
	@echo "make test     run all tests"
	@echo "make fuzz     ten minutes of fuzzing for each parser of strangers' input (needs atheris, which it installs)"
	@echo "make torture  every fault in full: kills, full disks, locked databases; writes docs/reliability.md"
	@echo "make format   format the code, and fix what ruff can fix"
	@echo "make check    format, lint, types, imports, forbidden words; reports known vulnerabilities of the dependencies"
	@echo "make audit    fail if a dependency has a known vulnerability"
	@echo "make bench    measure"
	@echo "make picture  draw docs/edition.png (needs chromium)"
	@echo "make screenshots  photograph each page of the desk into docs/screenshots (needs chromium)"
	@echo "make vendor   build the desk's vendored scripts anew (needs node and npm)"
	@echo "make lock     pin the newest versions into requirements.lock"

setup: $(READY)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "mailer needs Python 3.11 or newer")'
	@test -x $(BIN)/python || { echo "making $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "installing what requirements.lock names; this takes a minute or two"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY)
	@$(BIN)/mailer demo $(DEMO)

test: $(READY)
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(TESTS)

fuzz: $(READY)
	@$(BIN)/python -m pip install --quiet atheris==3.0.0
	@nice -n 19 $(BIN)/python -m tests.fuzz $(FUZZ)

torture: $(READY)
	@$(BIN)/python -m tests.torture $(TESTS)

format: $(READY)
	@$(BIN)/ruff check --quiet --fix mailer tests docs benchmarks
	@$(BIN)/ruff format --quiet mailer tests docs benchmarks

check: $(READY)
	@$(BIN)/ruff format --check --quiet mailer tests docs benchmarks || { echo "To format the code: make format"; exit 1; }
	@$(BIN)/ruff check --quiet mailer tests docs benchmarks
	@$(BIN)/ruff check --quiet --preview --select PLC2701 tests  # imports of private names
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python docs/plain_words.py
	@$(BIN)/python docs/audit.py || echo "Update the packages above (make lock), or accept the advisory with a reason in docs/audit.py."

audit: $(READY)
	@$(BIN)/python docs/audit.py

bench: $(READY)
	@$(BIN)/python -m benchmarks

picture: $(READY)
	@$(BIN)/python docs/picture.py

screenshots: $(READY)
	@$(BIN)/python docs/screenshots.py

vendor:
	@cd vendor && npm ci --silent && node build.mjs && rm -rf node_modules

lock: $(READY)
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-emit-find-links --python-version 3.11 \
		--extra dev --custom-compile-command "make lock" --output-file requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache dist
