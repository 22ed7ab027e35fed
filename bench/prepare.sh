#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what `python -m bench` compares casegate with, on Debian 12, without starting any service.
# Run as root. Without root it says what is missing and ends with 1.
# Postfix is not installed but unpacked under var/peers, for there may be another mail server on this machine.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
peer=$here/../var/peers/postfix
packages="opendkim opendkim-tools redis-server postgresql"

missing=""
for package in $packages; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
if [ -z "$missing" ] && [ -d "$peer" ]; then
    echo "bench: everything is installed: $packages, and Postfix is unpacked"
    exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "bench: not root; have an administrator run bench/prepare.sh" >&2
    exit 1
fi

# invoke-rc.d asks this file before it starts a service; 101 says no. What stood there is put back.
guard=/usr/sbin/policy-rc.d
kept=""
if [ -e "$guard" ]; then
    kept=$(mktemp)
    cp -p "$guard" "$kept"
fi
restore() {
    if [ -n "$kept" ]; then
        cp -p "$kept" "$guard"
        rm -f "$kept"
    else
        rm -f "$guard"
    fi
}
trap restore EXIT
trap 'exit 1' INT TERM
printf '#!/bin/sh\nexit 101\n' > "$guard"
chmod 755 "$guard"

export DEBIAN_FRONTEND=noninteractive
apt-get -q -o DPkg::Lock::Timeout=300 update
if [ -n "$missing" ]; then
    # shellcheck disable=SC2086  # a list of words
    apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends $missing
fi
"$here/../tests/peers/unpack.sh" postfix "$peer"
echo "bench: installed:$missing, and Postfix is unpacked"
