#!/bin/sh
# Pin every requirements/*.in and the layer's, for Python 3.11 and newer on any system:  sh dev/lock.sh UV [OPTIONS]
# What runs comes first, because the layer and the tests take the versions that run.txt has.
set -eu
uv=$1
shift
for source in requirements/run.in layers/common/requirements.in $(ls requirements/*.in | grep -v '/run.in$'); do
    echo "Locking $source …"
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
        "$@" "$source" --output-file "${source%.in}.txt"
done
