#!/bin/sh
# Make or renew the virtual environment with one of pyproject.toml's groups:  sh dev/venv.sh FOLDER GROUP
# Installs only when uv.lock pins something else for the group than was installed last. Needs Python 3.11 or newer.
set -eu
folder=$1
group=$2
installed="$folder/installed-$group.txt"
# A copy of the lock that was read for the group last spares reading it again.
read="$folder/read-$group.lock"

find_python() {
    # Each is really run: a version manager may have a name on the PATH that refuses to start.
    for candidate in ${PYTHON:-} python3.13 python3.12 python3.11 python3 python3.14 python; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            echo "$candidate"
            return
        fi
    done
    echo "Stoa needs Python 3.11 or newer, and none was found on the PATH." >&2
    echo "Install one (Debian, Ubuntu: apt install python3 python3-venv; macOS: brew install python@3.13)," >&2
    echo "or name one: make run PYTHON=/path/to/python3" >&2
    exit 1
}

make_folder() {
    python=$(find_python)
    echo "Making $folder with $("$python" --version) …"
    rm -rf "$folder"
    if "$python" -m venv "$folder" >/dev/null 2>&1; then
        return
    fi
    rm -rf "$folder"
    # Debian and Ubuntu ship Python without the part that venv needs.
    if "$python" -m virtualenv --quiet "$folder" >/dev/null 2>&1; then
        return
    fi
    rm -rf "$folder"
    if uv venv --quiet --seed --python "$python" "$folder" >/dev/null 2>&1; then
        return
    fi
    rm -rf "$folder"
    echo "This Python cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv" >&2
    exit 1
}

if [ -e "$installed" ] && cmp -s uv.lock "$read"; then
    exit 0
fi
"$folder/bin/python" -c 'import pip' >/dev/null 2>&1 || make_folder
"$folder/bin/python" dev/locked.py "$group" >"$installed.new"
if ! cmp -s "$installed.new" "$installed"; then
    echo "Installing the group $group of uv.lock (once; a minute at most on a usual line) …"
    # The lock is complete, so pip has nothing to resolve (--no-deps). What is never imported need not be compiled: Python
    # compiles the rest when it is first used.
    "$folder/bin/python" -m pip install -qq --disable-pip-version-check --no-input --no-compile --root-user-action ignore \
        --require-hashes --no-deps --only-binary :all: --requirement "$installed.new"
fi
mv "$installed.new" "$installed"
cp uv.lock "$read"
