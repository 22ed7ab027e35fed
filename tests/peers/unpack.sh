#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# unpack.sh PACKAGE DIRECTORY: makes a root directory in which the programs of a Debian package run by chroot.
# Nothing is installed and no script of the package runs, so mail servers that exclude each other stand side by side.
# Needs root and package lists. The directory is complete or absent.
set -eu
package=$1
mkdir -p "$(dirname "$2")"
directory=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
partial=$directory.partial

[ ! -e "$directory" ] || exit 0
rm -rf "$partial"
mkdir -p "$partial/debs"

# What an installation would bring is what this machine lacks; the package itself comes also where it is installed.
lacking=$(apt-get -s install --no-install-recommends "$package" | sed -n 's/^Inst \([^ ]*\).*/\1/p')
# shellcheck disable=SC2086  # a list of words
(cd "$partial/debs" && apt-get -q -o APT::Sandbox::User=root download $(printf '%s\n' "$package" $lacking | sort -u))
for deb in "$partial"/debs/*.deb; do
    dpkg-deb -x "$deb" "$partial"
done
rm -rf "$partial/debs" "$partial/usr/share/doc" "$partial/usr/share/man" "$partial/usr/share/locale"

# The libraries that the machine has already, and the loader, at the paths where the programs look for them.
libraries=$(find "$partial" -name '*.so*' -printf '%h\n' | sort -u | paste -sd:)
find "$partial" -type f \( -perm /111 -o -name '*.so*' \) -exec env LD_LIBRARY_PATH="$libraries" ldd {} + 2>/dev/null |
    grep -o '/[^ :]*' | sort -u | while read -r library; do
    case $library in
    "$partial"/*) ;;
    *.so*) [ -e "$partial$library" ] || install -D "$library" "$partial$library" ;;
    esac
done

mkdir -p "$partial/dev" "$partial/etc" "$partial/tmp" "$partial/run" "$partial/var/spool" "$partial/var/lib" "$partial/var/log"
chmod 1777 "$partial/tmp"
apt-cache show --no-all-versions "$package" | sed -n 's/^Version: //p' >"$partial/version"
mv "$partial" "$directory"
