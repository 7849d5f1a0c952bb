#!/bin/sh
# Prints the flags for compiling and linking with libuv: those of the system, or for one unpacked into the private cache.
set -u

. "$(dirname "$0")/common.sh"

if pkg-config --exists libuv 2>/dev/null; then
	# a system without need of flags prints none
	echo "$(pkg-config --cflags --libs libuv) -luv"
	exit 0
fi
flags() {
	library=$(find "$1" -name libuv.so.1 2>/dev/null | head -n 1)
	[ -f "$1/usr/include/uv.h" ] && [ -n "$library" ] || return 1
	folder=$(dirname "$library")
	echo "-I$1/usr/include -L$folder -l:libuv.so.1 -Wl,-rpath,$folder"
}
flags "$cache/libuv" && exit 0
scratch
[ ! -e "$cache/libuv" ] || mv -T "$cache/libuv" "$work/broken"
# both, since the system may have the one and not the other
download_debs "$work/libuv" libuv1 libuv1-dev && flags "$work/libuv" >/dev/null && keep libuv "$work/libuv"
flags "$cache/libuv" || fail "no libuv found or fetched: install libuv1-dev"
