# Three commands matter: `make demo` walks the whole journey on this machine, `make test` runs every test, and `make quick`
# in under a minute those that need no torch. All set up what they need: a virtual environment in .venv, the package, the data.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
IMAGES := /usr/share/datasets/fashion-mnist
export OMP_NUM_THREADS = 1

.PHONY: demo test quick figures minima check docs setup images tools format clean
.DEFAULT_GOAL := demo

demo: setup images
	$(BIN)/dna-deploy demo

test: setup images tools
	$(BIN)/python -m pytest -n 2 --dist loadfile $(TESTS)

quick: setup
	$(BIN)/python -m pytest -p tests.quick -n 2 --dist loadfile $(TESTS)

figures: setup
	$(BIN)/python -m tests.architecture.figures

check: test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The base install with the oldest packages that pyproject.toml allows, in an environment of its own.
minima: setup
	$(BIN)/python .ci/minima.py $(BIN)/dna-deploy

docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "error: Python 3.11 or newer is needed, this is " + sys.version.split()[0])'
	test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || \
		{ command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq python3-venv && $(PYTHON) -m venv $(VENV); } || \
		{ echo "error: cannot make a virtual environment; install python3-venv" >&2; exit 1; }
	$(BIN)/pip install --quiet --editable '.[train,report,blackbox,ray,openvino,tensorrt-rtx,docs,dev]'
	touch $@

# Debian carries the images; elsewhere torchvision downloads the same files on first use.
images:
	@test -d $(IMAGES) || ! command -v apt-get >/dev/null || \
		{ $$(test $$(id -u) = 0 || echo sudo -n) apt-get update -qq && \
		  $$(test $$(id -u) = 0 || echo sudo -n) apt-get install -y -qq dataset-fashion-mnist; } || \
		echo "note: no Debian package dataset-fashion-mnist here; the images will be downloaded" >&2

# What tests drive besides the package: a browser for the report, an ssh server for remote profiling. Without them, and
# without the right to install them, those tests are skipped and say so.
tools:
	@{ command -v chromium && command -v chromedriver && test -x /usr/sbin/sshd; } >/dev/null 2>&1 || \
		! command -v apt-get >/dev/null || \
		{ $$(test $$(id -u) = 0 || echo sudo -n) apt-get update -qq && \
		  $$(test $$(id -u) = 0 || echo sudo -n) apt-get install -y -qq chromium chromium-driver openssh-server; } || \
		echo "note: no chromium or sshd here; tests that drive them are skipped" >&2

clean:
	rm -rf $(VENV) runs .pytest_cache .mypy_cache .ruff_cache .hypothesis
