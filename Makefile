# The commands that people type. Each prints what it does. To start, each needs only Rust and a C compiler.
#
#   make demo   start relay and sandbox on free ports, send a scan and show its arrival; Ctrl-C ends it
#   make test   run everything that must pass before a change lands; under half an hour on two cores
#   make fuzz   fuzz the parsers that unknown clients reach, FUZZ_SECONDS (600) for each target
#   make soak   run the long tests: every message at full size, fifty crashes, more simulated days
#   make bench  measure messages per second and compare with Postfix
#   make lint   check formatting and language, and run clippy
#   make circles  print the files that use each other in circles
#   make release  build the stripped program, with its symbols in a file beside it
#   make install  install the program, unit, pages and completions below DESTDIR
#   make deb    build a Debian package in target/packages
#   make rpm    build an RPM in target/packages
#   make package-test  install, upgrade and remove the package in a fresh Debian tree (as root)
#   make fmt    format the code

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help

target := $(or $(CARGO_TARGET_DIR),target)
# The tests' Python peers live in a virtual environment beside the build, not in the system's packages.
export PATH := $(abspath $(target))/test-venv/bin:$(PATH):/usr/sbin

.PHONY: help demo test soak fuzz bench lint circles release install deb rpm package-test fmt tools deny

help: ## show the commands
	@sed -n 's/^#   /  /p' $(firstword $(MAKEFILE_LIST))

demo:
	cargo run --release -- demo

tools:
	@tests/support/tools.sh

lint:
	cargo fmt --all --check
	tests/support/english.sh
	cargo clippy --workspace --all-targets -- -D warnings

circles:
	@mkdir -p "$(target)"
	CARGO_MANIFEST_DIR="$(CURDIR)" rustc --edition 2024 --test -o "$(target)/architecture" tests/checks/architecture/mod.rs
	"$(target)/architecture" --nocapture no_files_use_each_other_in_a_circle

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

release:
	cargo build --release --locked
	tests/support/strip.sh "$(target)/release/postroom"

install: release
	packaging/stage "$(target)/release/postroom" "$(DESTDIR)"

deb: release
	packaging/deb/build "$(target)/release/postroom" "$(target)/packages"

rpm: release
	packaging/rpm/build "$(target)/release/postroom" "$(target)/packages"

package-test: release
	packaging/test/deb "$(target)/release/postroom"

deny:
	cargo deny check
