# The commands that people type. Each prints what it does; none needs more than Rust and a C compiler to start.
#
#   make demo   relay and sandbox on free ports, a scan handed in and shown arriving; stays up until Ctrl-C
#   make test   everything that must hold before a change lands, under half an hour on two cores
#   make fuzz   libFuzzer over all that strangers reach first, FUZZ_SECONDS (600) for each target
#   make soak   the long versions of the tests: every message at full size, fifty crashes, more simulated days
#   make bench  messages a second beside Postfix, as ratios
#   make lint   formatting and clippy
#   make fmt    formats

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help

target := $(or $(CARGO_TARGET_DIR),target)
# The Python of the tests' peers: a virtual environment beside the build, never the system's packages.
export PATH := $(abspath $(target))/test-venv/bin:$(PATH):/usr/sbin

.PHONY: help demo test unit soak fuzz bench lint fmt tools deny clean-tests

help: ## shows the commands
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
	# Through the plain test runner: its closing lines are what build servers read.
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
