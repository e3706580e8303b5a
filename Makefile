# What can be done here. On a fresh machine `make demo` and `make test` do their own set-up.

GUEST := tests/acceptance/guest/guest
# Programs for people that were built elsewhere.
PROGRAMS :=

.PHONY: help setup build program windows unit demo test test-vm lint advisories bench fuzz docs recording dist dist-test guest-up guest-down clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' $(MAKEFILE_LIST) | expand -t 20

setup: ## install what is missing here, and say what
	@tools/setup

build: ## build the program
	@tools/setup build
	cargo build --release --locked

program: ## build the program for people: TARGET=aarch64-apple-darwin PROGRAMS=FOLDER
	@mkdir -p $(PROGRAMS)/$(TARGET)
	@program=$$(tools/program $(TARGET)) && cp "$$program" $(PROGRAMS)/$(TARGET)/

windows: ## build the program for Windows that `make test` runs, and what runs it: some minutes
	@tools/setup build
	@tools/cross wine
	@tools/cross windows

unit: ## build the program and run the tests that need nothing else, on any system; with an OpenSSL of its own: FEATURES=vendored
	cargo test --locked --lib $(FEATURES:%=--features %)
	cargo build --locked $(FEATURES:%=--features %)

demo: ## boot a real guest and use the Kubernetes in it; STOCK=1: a bare Debian that is given Docker
	@tools/demo $(STOCK:%=stock)

test: setup ## run all tests; the guest is built the first time, which takes some minutes
	@tools/test

test-vm: build ## one session with a guest in an emulated virtual machine; some minutes
	@tools/setup vm
	@tools/test-vm

lint: setup ## check format, lints, dependencies and scripts
	@tools/lint

advisories: ## ask what is known of the dependencies
	@tools/lint advisories

docs: build ## write the documentation as web pages into target/docs
	@tools/docs target/docs $(PROGRAM)

recording: setup build ## record the README's picture again, with a real guest
	@tools/recording docs/recording.svg $(PROGRAM)

dist: ## make a release in target/dist; many minutes. With programs built elsewhere: PROGRAMS=FOLDER
	@tools/setup dist
	@rm -rf target/dist
	@SERVICE_MANAGER_PROGRAMS=$(PROGRAMS) tools/dist target/dist

dist-test: ## install, use and remove the release that is in target/dist
	@tools/setup dist
	@tools/dist-test target/dist

bench: setup ## measure against other programs; some rows alone: ROWS="warm cold"
	@tools/bench $(ROWS)

fuzz: setup ## feed invented input to every parser, a minute for each
	@tools/fuzz

guest-up: setup build ## start a guest to play with
	@$(GUEST) up demo
	@echo "target/release/service-manager --ssh-config $$($(GUEST) dir demo)/ssh_config status"

guest-down: ## stop all guests
	@$(GUEST) down --all

clean: ## remove what was built here; the guest's image stays in its cache
	cargo clean
