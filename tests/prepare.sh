#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages whose programs the tests start for themselves on free ports, and unpacks mail servers,
# which exclude each other as packages, into roots of their own under var/peers (tests/peers/unpack.sh).
# Nothing is left running: no service is started, no default PostgreSQL cluster is made.
# Without root it names what is missing and succeeds: tests that need it are skipped.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
peers=$here/../var/peers

missing=""
needs() { # needs PACKAGE PROGRAM-OR-FILE...
    package=$1
    shift
    for program in "$@"; do
        if [ -e "$program" ] || command -v "$program" >/dev/null 2>&1; then return; fi
    done
    missing="$missing $package"
}

roots=""
needs_root() { # needs_root NAME PACKAGE
    [ -d "$peers/$1" ] || roots="$roots $1:$2"
}

PATH="$PATH:/usr/sbin:/sbin"
needs redis-server redis-server
needs postgresql /usr/lib/postgresql/*/bin/initdb
needs opendkim opendkim
needs opendkim-tools opendkim-genkey
needs swaks swaks
needs libnet-ssleay-perl /usr/lib/*/perl5/*/Net/SSLeay.pm # without it swaks knows no TLS
needs msmtp msmtp
needs curl curl
needs mutt mutt
needs s-nail s-nail
needs nodejs node
needs node-nodemailer /usr/share/nodejs/nodemailer/package.json
needs_root postfix postfix
needs_root exim exim4-daemon-light
needs_root opensmtpd opensmtpd
[ -n "$missing$roots" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    [ -z "$missing" ] || echo "Some tests will be skipped; to run them all, as root: apt-get install$missing"
    [ -z "$roots" ] || echo "Tests with real mail servers will be skipped; to run them, as root: make test"
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

log=$(mktemp)
export DEBIAN_FRONTEND=noninteractive
apt-get -o DPkg::Lock::Timeout=300 update -q >"$log" 2>&1 || tail -n 5 "$log" >&2

if [ -n "$missing" ]; then
    echo "Installing what the tests start:$missing"
    # Words are package names: splitting is meant.
    # shellcheck disable=SC2086
    if ! apt-get -o DPkg::Lock::Timeout=300 install -q -y --no-install-recommends $missing >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        echo "apt-get could not install$missing; the log is $log. Tests that need them will be skipped." >&2
        exit 0
    fi
fi
for root in $roots; do
    echo "Unpacking a mail server that the tests start: ${root%%:*}"
    if ! "$here/peers/unpack.sh" "${root#*:}" "$peers/${root%%:*}" >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        echo "${root#*:} could not be unpacked; the log is $log. Tests that need it will be skipped." >&2
        exit 0
    fi
done
rm -f "$log"
