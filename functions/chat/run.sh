#!/bin/sh
# Lambda's exec wrapper for chat: starts our streaming runtime loop instead of Python's managed one, which cannot stream.
# Lambda passes the command it would have run, so $1 is the runtime's own interpreter.
# The path is what the managed runtime searches: the function, the layer, then the runtime's folder with its boto3.
set -eu
export PYTHONPATH="${LAMBDA_TASK_ROOT:-.}:/opt/python:${LAMBDA_RUNTIME_DIR:-/var/runtime}${PYTHONPATH:+:$PYTHONPATH}"
# -u: Lambda reads the log from a pipe, and a line held back when the instance freezes would come minutes late.
exec "${1:-python3}" -u -m stoa.runtime.streaming
