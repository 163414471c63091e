# gradcert: `make help` lists the targets. `make test` and `make certify` set up everything they need on a fresh machine.
#
# PYTHON=...   the interpreter of the virtual environment (3.11 or later)
# PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu   the small CPU build of torch, where the default is CUDA's
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet -c constraints.txt
TREE := build/tree

# A new room has to be installed before it can be imported, so the rooms are part of the stamp's name.
ROOMS := $(shell ls -d */__init__.py | cksum | cut -d' ' -f1)
STAMP := .venv/.installed-$(ROOMS)

.DEFAULT_GOAL := help
.PHONY: help install debian test long certify theorems peers lint format selftest diagnosis attack properties planted clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## create .venv with all that test and certify need (again: nothing to do)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "install: Python 3.11 or later is needed: make PYTHON=/path/to/python")'
	$(PYTHON) -m venv .venv

# torch goes first and alone, so that its pin decides what the others get.
# SpikingJelly's metadata asks for torchvision and torchaudio, which it does not need here: hence --no-deps.
$(STAMP): $(BIN)/python pyproject.toml setup.py constraints.txt
	$(PIP) torch
	$(PIP) --editable '.[dev]'
	$(PIP) --no-deps spikingjelly
	@rm -f .venv/.installed-*
	@touch $@

$(BIN)/gradcert: | $(BIN)/python
	$(PIP) --editable .

debian: ## install missing Debian packages: simulators, browser, Coq (as root)
	scripts/install_debian.sh

# Tests start hundreds of processes: each would compile the whole house where bytecode is not written.
PYTEST := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto

test: lint ## lint, types, room contracts, all tests but the long ones
	$(PYTEST)

long: install ## the long tests: exhaustive ones, compilers, provers, browsers
	$(PYTEST) --long=only

certify: install ## certify the real third-party code in examples/
	$(BIN)/python examples/run_all.py

# The theorems do not need the packages of `make install`: a fresh machine is done in minutes.
theorems: $(if $(wildcard .venv/.installed-*),$(STAMP),$(BIN)/gradcert)
theorems: ## install Coq where it is missing (as root), check the theorems and their tie to the engine
	scripts/install_debian.sh theorems
	OMP_NUM_THREADS=1 $(BIN)/gradcert theorems --check

# PEERS=nest: one of them
PEERS ?= all
peers: ## environments of their own for libraries whose pins clash: .venv-peers-torch, -jax, -nest
	PYTHON=$(PYTHON) scripts/peers.sh $(PEERS)

lint: install ## ruff, mypy, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@$(BIN)/python scripts/package_tree.py $(TREE)
	cd $(TREE) && $(abspath $(BIN))/mypy --config-file $(abspath pyproject.toml) --cache-dir $(abspath .mypy_cache) .
	cd $(TREE) && $(abspath $(BIN))/lint-imports --config $(abspath pyproject.toml)

format: install ## rewrite the code in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

selftest: install ## judge the judge: the whole gallery of wrong and of unusual gradients
	OMP_NUM_THREADS=1 $(BIN)/gradcert selftest

# SEEDS, INPUTS: of right implementations (a tenth of them in the thorough profile), and of every kind of file
SEEDS ?= 100
INPUTS ?= 1000
attack: install ## attack the judge from every side, into docs/soundness.md
	OMP_NUM_THREADS=1 nice $(BIN)/python -m scripts.attack --seeds $(SEEDS) --inputs $(INPUTS) --jobs 2

# EACH, JOBS: mutants of every implementation, of which two in three are refuted, a second or two each; processes.
# What build/diagnosis.jsonl holds of the same sources is not measured again.
EACH ?= 150
JOBS ?= 1
diagnosis: install ## how much of what is wrong is named: mutants of the literal implementations, into docs/diagnosis.md
	mkdir -p build
	OMP_NUM_THREADS=1 $(BIN)/python -m scripts.diagnosis --each $(EACH) --jobs $(JOBS) --out build/diagnosis.jsonl

properties: install ## the property tests, with many more examples
	OMP_NUM_THREADS=1 $(BIN)/python -m gradcert.properties --profile thorough

# Mutants are written in place: hence a clone. SHARE: of the mutants, a sample that depends on nothing but the source.
SHARE ?= 1
MUTATION := OMP_NUM_THREADS=1 $(abspath $(BIN))/python -m scripts.mutation

mutation: install ## docs/mutation.md: which small changes of reference/ no test sees (hours; SHARE=0.1 for a sample)
	$(PIP) --editable '.[mutation]'
	rm -rf build/mutation
	git clone --quiet . build/mutation
	cd build/mutation && mkdir -p build && $(MUTATION) init && $(MUTATION) trace
	cd build/mutation && $(MUTATION) --share $(SHARE) quick && $(MUTATION) --share $(SHARE) run && $(MUTATION) --budget 100 again
	cd build/mutation && $(MUTATION) report; status=$$?; cp docs/mutation.md $(CURDIR)/docs/; exit $$status

planted: install ## put a bug into every file of reference/ and see it killed (docs/mutation.md)
	nice $(BIN)/python -m scripts.mutation.planted

clean: ## remove .venv, builds and caches
	rm -rf .venv build dist gradcert.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
