# Everything a developer does, by name. `make` alone lists it. Works with GNU make 3.81 (macOS) and newer.
VENV ?= .venv
BUILD_VENV ?= .venv-build
BENCH_VENV ?= .venv-bench
TEST_PROCESSES ?= 2
BIN := $(VENV)/bin
SAM_CLI_TELEMETRY ?= 0
export SAM_CLI_TELEMETRY
COVERAGE_REPORT := .stoa/coverage.txt

.DEFAULT_GOAL := help
.PHONY: help run test lint e2e bench build deploy openapi lock reset clean ready-run ready-test ready-bench ready-build

help: ## List the commands
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ready-run ## Run all of Stoa on this machine, on 127.0.0.1:8787 (other port: make run PORT=8788)
	@exec $(BIN)/python -m dev.run

test: lint ## Check everything that needs no build: style, types, import contracts, tests on a real PostgreSQL
	@mkdir -p .stoa
	@echo "Running the tests …"
	@$(BIN)/python -m pytest --quiet --numprocesses $(TEST_PROCESSES) --dist loadfile \
	    --cov=stoa --cov=functions --cov-branch --cov-report= --ignore tests/e2e tests \
	    && sh dev/coverage.sh $(BIN) $(COVERAGE_REPORT)

lint: ready-test ## Check style, types and import contracts
	@echo "Checking style, types and import contracts …"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet --output-format concise . || { echo "Run: $(BIN)/ruff format ."; exit 1; }
	@$(BIN)/mypy --no-error-summary
	@said=$$(PYTHONPATH=layers/common:. $(BIN)/lint-imports --no-cache 2>&1) || { echo "$$said"; exit 1; }

e2e: ready-test ready-build ## Run the built functions under Lambda's emulator, and the whole stack over HTTP
	@$(BIN)/python -m pytest --quiet tests/e2e

bench: ready-bench ready-build ## Measure speed against floors and peers, about 8 minutes (some: make bench ONLY="chat cold")
	@PYTHONPATH=layers/common STOA_SAM=$(BUILD_VENV)/bin/sam \
	    $(BENCH_VENV)/bin/python -m bench $(if $(ONLY),--only $(ONLY))

build: ready-build ## Build the functions and the layer for Lambda
	@$(BUILD_VENV)/bin/sam build --cached --parallel

deploy: build ## Deploy to AWS; asks for what it needs to know
	@$(BUILD_VENV)/bin/sam deploy --guided

openapi: ready-run ## Write layers/common/stoa/data/openapi.json from the functions' own models
	@$(BIN)/python -m dev.openapi

lock: ready-test ## Pin the libraries in uv.lock again (to newer versions: make lock UPGRADE=1)
	@sh dev/lock.sh $(BIN)/uv $(if $(UPGRADE),--upgrade)

reset: ## Forget all local data (.stoa/)
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m dev.reset; else rm -rf .stoa; fi

clean: reset ## Forget also what was installed and built
	@rm -rf $(VENV) $(BUILD_VENV) $(BENCH_VENV) .aws-sam

ready-run:
	@sh dev/venv.sh $(VENV) run

ready-test:
	@sh dev/venv.sh $(VENV) test

ready-bench:
	@sh dev/venv.sh $(BENCH_VENV) bench

ready-build:
	@sh dev/venv.sh $(BUILD_VENV) build
