# The commands that people type. Each prints what it does. To start, each needs only Rust and a C compiler.
#
#   make demo   start relay and sandbox on free ports, send a scan and show its arrival; Ctrl-C ends it
#   make test   run everything that must pass before a change lands; under half an hour on two cores
#   make fuzz   fuzz the parsers that unknown clients reach, FUZZ_SECONDS (600) for each target
#   make soak   run the long tests: every message at full size, fifty crashes, more simulated days
#   make bench  measure messages per second and compare with Postfix
#   make lint   check formatting and run clippy
#   make fmt    format the code

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help

target := $(or $(CARGO_TARGET_DIR),target)
# The tests' Python peers live in a virtual environment beside the build, not in the system's packages.
export PATH := $(abspath $(target))/test-venv/bin:$(PATH):/usr/sbin

.PHONY: help demo test unit soak fuzz bench lint fmt tools deny clean-tests

help: ## show the commands
	@sed -n 's/^#   /  /p' $(firstword $(MAKEFILE_LIST))

demo:
	cargo run --release -- demo

tools:
	@tests/support/tools.sh

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

fmt:
	cargo fmt --all

test: tools lint
	@echo "== cargo test"
	# The plain test runner prints the closing lines that build servers read.
	cargo test --workspace --no-fail-fast

soak: tools
	@echo "== the long versions, release build"
	POSTROOM_SOAK=1 cargo test --release --test e2e -- --nocapture --test-threads=1
	POSTROOM_SOAK=1 cargo test --release --lib queue::tests::three_days -- --nocapture

fuzz:
	fuzz/run

bench: tools
	cargo build --release
	benches/compare $(BENCH_ARGS)

deny:
	cargo deny check
