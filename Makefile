# The two commands of the README: `make demo` and `make test`. Each does all set-up it needs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?=
OUT ?= runs/demo
BENCH ?=
FUZZ ?=
NOTEBOOKS ?=
DINOV2 ?=
CLIP ?=
SITE_BASE ?=
# What the benchmarks want besides: the allocator of PyTorch's tuning guide, and a compiler for torch.compile.
BENCH_PACKAGES := libtcmalloc-minimal4 g++
DEBIAN_PACKAGES := python3-dev python3-venv libopenblas-dev libdeflate-dev libjpeg-dev libpng-dev libtiff-dev libwebp-dev \
  pkg-config
# What the test of the notebook widget wants besides, with python/tests/browser/requirements.txt.
BROWSER_PACKAGES := chromium chromium-driver
BROWSER ?=
# Flags with which CKernels does the work of all instruction sets with AVX2 (Tests/Simulated).
SIMULATED := -mavx2 -mfma -mf16c -DLMK_SIMULATED -I$(CURDIR)/Tests/Simulated -Wno-pass-failed
# What a wheel is made with besides: sources of the decoders, an assembler for theirs, LAPACK's Fortran runtime.
WHEEL_PACKAGES := cmake dpkg-dev gfortran nasm
WHEEL_TESTS ?=
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
DESTDIR ?=
# Neither formatter wraps comments.
LONG_COMMENT := ^(?=\s*(//|\# )).{121,}$$
COMMENTED := Package.swift Sources Tests examples python
SOURCES := $(shell find Sources -type f) Package.swift pyproject.toml hatch_build.py
.DEFAULT_GOAL := help
.PHONY: help demo test test-swift test-simulated test-python test-browser bench docs notebooks fuzz wheel test-wheel library install lint \
  format packages clean

help:
	@echo "make demo               train on real photographs, print accuracies, leave pictures in $(OUT)"
	@echo "make demo DATA=folder   the same on your own photographs"
	@echo "make test               all tests, Swift and Python"
	@echo "make test-simulated     the Swift tests with AVX-512, bfloat16, VNNI and AMX simulated, on a machine that has AVX2"
	@echo "make test-browser       click the notebook widget in a headless browser (JupyterLab, marimo); screenshots in runs/browser"
	@echo "make bench              compare with PyTorch, ONNX Runtime, OpenVINO; writes docs/performance.md's tables (an hour or more);"
	@echo "                        BENCH='--rows features --quick' and the like choose what is run"
	@echo "make docs               the documents and references as a site, in site/; SITE_BASE=/path where it is not served at /"
	@echo "make notebooks DINOV2=weights CLIP=video"
	@echo "                        the notebooks of docs/notebooks, executed; NOTEBOOKS='1_pretrain 6_ablate' chooses"
	@echo "make fuzz               millions of changed image files through each decoder (an hour or more); FUZZ='png tiff' and RUNS=100000"
	@echo "                        choose which and how many; docs/reliability.md"
	@echo "make wheel              a wheel that carries all it needs, in dist/; docs/install.md"
	@echo "make test-wheel         installs it in a Debian system made for that (as root) and runs the Python tests there"
	@echo "make library, make install PREFIX=/usr/local"
	@echo "                        liblatentmim.so for C programs, its header, files for pkg-config and CMake"
	@echo "make lint, make format  check or apply the format of Swift and Python sources"

demo: $(BIN)/.installed
	$(BIN)/python examples/demo.py --out "$(OUT)" $(if $(DATA),--data "$(DATA)")

test: lint test-swift test-python

test-swift: packages
	swift build --build-tests --explicit-target-dependency-import-check error
	@# One after the other: tests choose instruction sets and threads of the whole process. `timeout` ends one that hangs.
	timeout --kill-after=30 1800 swift test --no-parallel

test-simulated: DEBIAN_PACKAGES += libsimde-dev
test-simulated: packages
	swift build --build-tests --scratch-path .build-simulated $(SIMULATED:%=-Xcc %)
	timeout --kill-after=30 1800 swift test --no-parallel --scratch-path .build-simulated $(SIMULATED:%=-Xcc %)

test-python: $(BIN)/.installed-test
	swift build -c release --product latentmim
	$(BIN)/python -m pytest

# An environment of its own. Everything in it ends by itself within five minutes; `timeout` is for the case that it does not.
test-browser: DEBIAN_PACKAGES += $(BROWSER_PACKAGES)
test-browser: packages
	$(PYTHON) -m venv $(VENV)-browser
	$(VENV)-browser/bin/pip install --quiet --disable-pip-version-check --editable '.[explore]' \
	  --requirement python/tests/browser/requirements.txt
	timeout --kill-after=30 400 $(VENV)-browser/bin/python python/tests/browser/run.py $(BROWSER)

bench: DEBIAN_PACKAGES += $(BENCH_PACKAGES)
bench: $(BIN)/.installed packages
	$(BIN)/python python/benchmarks/run.py --write-docs --json runs/bench.json $(BENCH)

docs: DEBIAN_PACKAGES += fonts-stix
docs: $(BIN)/.installed packages
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[docs]'
	$(BIN)/python packaging/site/build.py --out site --swift-build .build/release --base "$(SITE_BASE)"

notebooks: $(BIN)/.installed-test
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[notebooks]'
	DINOV2="$(abspath $(DINOV2))" CLIP="$(abspath $(CLIP))" $(BIN)/python examples/notebooks/build.py $(NOTEBOOKS)

fuzz: DEBIAN_PACKAGES += cmake dpkg-dev
fuzz: packages
	Tests/Fuzzing/fuzz.sh $(FUZZ)

wheel: DEBIAN_PACKAGES += $(WHEEL_PACKAGES)
wheel: packages
	PYTHON="$(PYTHON)" packaging/wheel.sh

# WHEEL_TESTS='python/tests/test_fork.py -x' chooses what is run.
test-wheel: DEBIAN_PACKAGES += debootstrap qemu-user-static
test-wheel: wheel
	packaging/test_wheel.sh $(WHEEL_TESTS)

library: packages
	swift build -c release --product latentmim

install:
	PREFIX="$(PREFIX)" LIBDIR="$(LIBDIR)" DESTDIR="$(DESTDIR)" packaging/install.sh .build/release/liblatentmim.so

lint: $(BIN)/.installed-test
	swift format lint --strict --recursive Package.swift Sources Tests examples/swift
	@if LC_ALL=C.UTF-8 grep -rnP '$(LONG_COMMENT)' $(COMMENTED) --include='*.swift' --include='*.[ch]' --include='*.py'; \
	then echo "comments beyond 120 columns"; exit 1; fi
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(BIN)/.installed-test
	swift format --in-place --recursive Package.swift Sources Tests examples/swift
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Debian's packages; nothing happens where they are there already.
packages:
	@missing=; for package in $(DEBIAN_PACKAGES); do \
	  dpkg -s $$package >/dev/null 2>&1 || missing="$$missing $$package"; done; \
	if [ -n "$$missing" ]; then \
	  echo "installing$$missing"; sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  $$sudo apt-get update -qq && $$sudo apt-get install -y -qq --no-install-recommends $$missing; fi

$(BIN)/.installed: $(SOURCES) | packages
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[plot]'
	@touch $@

$(BIN)/.installed-test: $(BIN)/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[plot,dev]'
	@touch $@

clean:
	rm -rf .build .build-simulated .build-wheel .build-site dist site $(VENV) $(VENV)-browser runs python/latentmim/*.so
