#!/bin/sh
# Pin every requirements/*.in and the layer's, for Python 3.11 and newer on any system:  sh dev/lock.sh UV [OPTIONS]
# In this order, because the layer and the tests take the versions that run.txt has.
set -eu
uv=$1
shift
for name in requirements/run layers/common/requirements requirements/test requirements/build requirements/audit \
    requirements/runtime requirements/bench requirements/vulnerabilities; do
    [ -f "$name.in" ] || continue
    echo "Locking $name.in …"
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
        "$@" "$name.in" --output-file "$name.txt"
done
