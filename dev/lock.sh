#!/bin/sh
# Pin what pyproject.toml names, in uv.lock and in the layer's requirements.txt:  sh dev/lock.sh UV [OPTIONS]
# What is locked already keeps its version unless an option says otherwise (--upgrade, --upgrade-package NAME).
set -eu
uv=$1
shift
"$uv" lock --quiet "$@"

# The lock names files and their hashes, and no address: the index is whatever each machine is configured with.
# uv reads "any-index" as a folder that it has no need to look into.
sed -E \
    -e 's|registry = "[^"]*"|registry = "any-index"|' \
    -e 's|url = "[^"]*/([^"/]+)"|path = "\1"|' \
    -e 's|, size = [0-9]+||' \
    -e 's|, upload-time = "[^"]*"||' \
    uv.lock >uv.lock.new
mv uv.lock.new uv.lock

"$uv" export --quiet --frozen --only-group layer --no-header --no-annotate --format requirements-txt \
    --output-file layers/common/requirements.txt
