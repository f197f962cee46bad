# Every function's Makefile includes this: `sam build` asks it for build-<LogicalId>. How it is built is in dev/build.py.
PYTHON ?= python3
BUILD := $(dir $(abspath $(lastword $(MAKEFILE_LIST))))../dev/build.py

build-%:
	$(PYTHON) "$(BUILD)" function $* "$(ARTIFACTS_DIR)"
