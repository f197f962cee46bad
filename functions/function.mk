# Every function's Makefile includes this: `sam build` asks it for build-<LogicalId>. How it is built is in dev/build.py.
ROOT := $(dir $(abspath $(lastword $(MAKEFILE_LIST))))..
# An environment of the project's is sure to have pip and a Python that is new enough; the system's may not.
PYTHON ?= $(firstword $(wildcard $(ROOT)/.venv-build/bin/python $(ROOT)/.venv/bin/python) python3)

build-%:
	"$(PYTHON)" "$(ROOT)/dev/build.py" function $* "$(ARTIFACTS_DIR)"
