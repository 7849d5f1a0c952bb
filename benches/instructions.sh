#!/bin/sh
# make bench: instructions in user space of one etcd_v2_get() on a kept connection, its answer decoded.
#
#   benches/instructions.sh FOLDER-OF-THE-LIBRARY
#
# Callgrind counts 1,000 and 11,000 reads of a real etcd: the difference is free of start and end. It calls itself once
# more, with the address of the server.
set -u
out=$1
tools=$(dirname "$0")/../tests/tools

if [ $# -eq 1 ]; then
	valgrind=$(sh "$tools/valgrind.sh") || exit 1
	tmp=$(mktemp -d) || exit 1
	trap 'rm -rf "$tmp"' EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	"${CC:-cc}" -std=c99 -O2 -Wall -Wextra -Wpedantic -Iinclude benches/get.c -o "$tmp/get" \
		-L"$out" -letcd_v2 -Wl,-rpath,"$(cd "$out" && pwd)" || exit 1
	sh "$tools/with-etcd.sh" sh "$0" "$out" "$tmp" "$valgrind" @URL@
	exit
fi

tmp=$2
valgrind=$3
url=$4
count() {
	"$valgrind" --tool=callgrind --callgrind-out-file="$tmp/out" "$tmp/get" "$url" "$1" >"$tmp/log" 2>&1 || {
		cat "$tmp/log" >&2
		return 1
	}
	sed -n 's/^.*Collected : *\([0-9]*\).*/\1/p' "$tmp/log"
}
few=$(count 1000) || exit 1
many=$(count 11000) || exit 1
echo "instructions of one read: $(((many - few) / 10000))"
