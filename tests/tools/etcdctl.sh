#!/bin/sh
# Prints the path of Debian's etcdctl 3.4, unpacked into the private cache. What is on PATH is not taken: other builds
# are made with other versions of the library that reads their flags.
set -u

. "$(dirname "$0")/common.sh"

works() {
	ETCDCTL_API=2 "$cache/etcdctl/etcdctl" --version 2>/dev/null | grep -q '^etcdctl version: 3\.4\.'
}

if works; then
	echo "$cache/etcdctl/etcdctl"
	exit 0
fi
scratch
[ ! -e "$cache/etcdctl" ] || mv -T "$cache/etcdctl" "$work/broken"
if download_debs "$work/debian" etcd-client; then
	mkdir -p "$work/keep"
	mv "$work/debian/usr/bin/etcdctl" "$work/keep/etcdctl" && keep etcdctl "$work/keep"
fi
works || fail "no etcdctl 3.4 found or fetched (Debian's package etcd-client): go without with ETCD_V2_TEST_WITHOUT=etcdctl"
echo "$cache/etcdctl/etcdctl"
