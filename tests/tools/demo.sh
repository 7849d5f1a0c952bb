#!/bin/sh
# make demo: the quickstart against a real etcd that is started for it.
#
#   tests/tools/demo.sh FOLDER-OF-THE-LIBRARY
#
# It calls itself once more, with the address of the server.
set -u
out=$1
program=examples-c/01-quickstart.c
tools=$(dirname "$0")

if [ $# -eq 1 ]; then
	tmp=$(mktemp -d) || exit 1
	trap 'rm -rf "$tmp"' EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	"${CC:-cc}" ${CFLAGS:-} -std=c99 -Wall -Wextra -Wpedantic -Iinclude "$program" -o "$tmp/quickstart" \
		-L"$out" -letcd_v2 -Wl,-rpath,"$(cd "$out" && pwd)" || exit 1
	sh "$tools/with-etcd.sh" sh "$0" "$out" "$tmp" @URL@ @VERSION@ || exit 1
	echo "etcd is stopped and its data removed"
	exit 0
fi

tmp=$2
url=$3
version=$4
echo
echo "$version, started for this at $url"
echo "$program prints:"
echo
"$tmp/quickstart" "$url" >"$tmp/output" 2>&1
status=$?
sed 's/^/    /' "$tmp/output"
echo
if [ "$status" -ne 0 ]; then
	echo "the program failed with status $status" >&2
	exit 1
fi
