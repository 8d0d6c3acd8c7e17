# SPDX-License-Identifier: Apache-2.0
#
# Every target does its own set-up on a fresh Debian or Ubuntu with a Swift 6.3 toolchain.
#
#   make serve [MODEL=path] [ARGS="--port 8081"]    build, then serve the model (default: the shipped one)
#   make test                                       all tests: Swift ones, then end-to-end ones
#   make build | lint | bench | bench-page | clean
#   make model NAME=fireside-1m BOOKS=folder        make a model from nothing; see Models/README.md

SHELL := /bin/bash
SWIFT ?= swift
PYTHON ?= python3
VENV ?= .venv
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
MODEL ?=
ARGS ?=

TEMPER := .build/release/temper
# `swift test` with these shares every object with `swift build` with these
RELEASE := -c release --disable-testable-imports -j $(JOBS)

.PHONY: serve build test test-corpus test-swift test-end-to-end lint format bench bench-page corpus model system clean

serve: build
	$(TEMPER) serve $(MODEL) $(ARGS)

system:
	@.ci/system-packages

build: system
	$(SWIFT) build -c release -j $(JOBS)

test: test-corpus test-swift test-end-to-end

test-swift: build
	$(SWIFT) test $(RELEASE)

test-end-to-end: build $(VENV)/ready
	TEMPER_BIN=$(TEMPER) $(VENV)/bin/python -m pytest Tests/EndToEnd

test-corpus: $(VENV)/ready
	$(VENV)/bin/python -m pytest Tests/Corpus

$(VENV)/ready: Tests/EndToEnd/requirements.txt | system
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r Tests/EndToEnd/requirements.txt
	touch $@

lint:
	$(SWIFT) format lint --strict --recursive Sources Tests Package.swift
	$(PYTHON) .ci/check-imports

format:
	$(SWIFT) format --in-place --recursive Sources Tests Package.swift

# Compares with llama.cpp on the same files; see Benchmarks/README.md
bench: build $(VENV)/bench-ready
	$(VENV)/bin/python Benchmarks/peer.py --temper $(TEMPER) --models .build/bench-models $(ARGS)

# Frames, memory and first paint of the page in a browser without a window; wants a machine that does nothing else
bench-page: build $(VENV)/ready
	TEMPER_BIN=$(TEMPER) $(VENV)/bin/python Benchmarks/page.py $(ARGS)

$(VENV)/bench-ready: Benchmarks/requirements.txt $(VENV)/ready
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r Benchmarks/requirements.txt
	touch $@

# The corpus, its vocabulary, the training run; see Models/README.md
CORPUS := .build/corpus
CORPUS_SIZE ?= 12

corpus: build
	@test -n "$(BOOKS)" || { echo "BOOKS=folder is missing: the books that Models/README.md lists" >&2; exit 1; }
	cd Models && $(PYTHON) -m corpus --out ../$(CORPUS) --size $(CORPUS_SIZE) --books $(abspath $(BOOKS))
	$(TEMPER) tokenizer train $(CORPUS)/vocabulary.jsonl --vocab-size 4096 --pre-tokenizer smollm \
		--bos '<|endoftext|>' --special '<|im_start|>' --special '<|im_end|>' --out $(CORPUS)/tokenizer

# The recipes of a model's folder in the order of their names, each going on from what the one before made.
model: corpus
	@set -e; for recipe in Models/$(NAME)/[0-9]-*.json; do \
		echo "$$recipe"; $(TEMPER) train "$$recipe" --out ".build/runs/$(NAME)/$$(basename "$$recipe" .json)"; \
	done

clean:
	rm -rf .build $(VENV)
