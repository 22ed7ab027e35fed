#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what `python -m bench` compares casegate with, on Debian 12, without starting any service.
# Run as root. Without root it says what is missing and ends with 1.
set -eu

packages="postfix opendkim opendkim-tools redis-server postgresql"

missing=""
for package in $packages; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
if [ -z "$missing" ]; then
    echo "bench: everything is installed: $packages"
    exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "bench: not root; have an administrator run: apt-get install --no-install-recommends$missing" >&2
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
# shellcheck disable=SC2086  # a list of words
apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends $missing
echo "bench: installed:$missing"
