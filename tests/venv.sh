#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# venv.sh PYTHON DIRECTORY: makes a virtual environment; as root it installs what Debian leaves out of Python.
set -eu
python=$1
directory=$2

can_make() { "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; }

if ! can_make && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "casegate: installing python3-venv"
    export DEBIAN_FRONTEND=noninteractive
    apt-get -o DPkg::Lock::Timeout=300 update -qq
    apt-get -o DPkg::Lock::Timeout=300 install -qq -y --no-install-recommends python3 python3-venv >/dev/null
    can_make || python=/usr/bin/python3
fi
if ! can_make; then
    echo "casegate: $python cannot make virtual environments; as root: apt-get install python3-venv" >&2
    exit 1
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "casegate: needs Python 3.11 or later, $python is older" >&2
    exit 1
fi
rm -rf "$directory"
"$python" -m venv "$directory" || {
    rm -rf "$directory"
    exit 1
}
