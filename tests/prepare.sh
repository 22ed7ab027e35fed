#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages whose programs the tests start for themselves on free ports.
# Nothing is left running: no service is started, no default PostgreSQL cluster is made.
# Without root it names what is missing and succeeds: tests that need it are skipped.
set -eu

missing=""
needs() { # needs PACKAGE PROGRAM...
    package=$1
    shift
    for program in "$@"; do
        command -v "$program" >/dev/null 2>&1 && return
    done
    missing="$missing $package"
}

PATH="$PATH:/usr/sbin:/sbin"
needs redis-server redis-server
needs postgresql /usr/lib/postgresql/*/bin/initdb
needs opendkim opendkim
needs opendkim-tools opendkim-genkey
needs swaks swaks
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "Some tests will be skipped; to run them all, as root: apt-get install$missing"
    exit 0
fi

policy=/usr/sbin/policy-rc.d
clusters=/etc/postgresql-common/createcluster.d
ours=$clusters/casegate-tests.conf
put_back() {
    rm -f "$policy" "$ours"
    rmdir "$clusters" 2>/dev/null || true
    [ ! -e "$policy.casegate" ] || mv -f "$policy.casegate" "$policy"
}
trap put_back EXIT
trap 'exit 1' INT TERM HUP

# invoke-rc.d asks policy-rc.d before it starts a service; 101 forbids it.
[ ! -e "$policy" ] || [ -e "$policy.casegate" ] || mv "$policy" "$policy.casegate"
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 755 "$policy"
mkdir -p "$clusters"
echo 'create_main_cluster = false' >"$ours"

echo "Installing what the tests start:$missing"
log=$(mktemp)
export DEBIAN_FRONTEND=noninteractive
# Words are package names: splitting is meant.
# shellcheck disable=SC2086
if ! { apt-get -o DPkg::Lock::Timeout=300 update -q &&
    apt-get -o DPkg::Lock::Timeout=300 install -q -y --no-install-recommends $missing; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "apt-get could not install$missing; the log is $log. Tests that need them will be skipped." >&2
    exit 0
fi
rm -f "$log"
