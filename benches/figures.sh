#!/bin/sh
# make bench: the figures of the README, counted by callgrind in user space, so that a busy machine does not matter.
#
#   benches/figures.sh FOLDER-OF-THE-LIBRARY
#
# Each is the difference between a long and a short run, which is free of start and end.
set -u
out=$1
tools=$(dirname "$0")/../tests/tools

# instructions COMMAND ARGUMENT...
instructions() {
	"$valgrind" --tool=callgrind --callgrind-out-file="$tmp/out" "$@" >"$tmp/log" 2>&1 || {
		cat "$tmp/log" >&2
		return 1
	}
	sed -n 's/^.*Collected : *\([0-9]*\).*/\1/p' "$tmp/log"
}

# the second half, with the address of a server
if [ $# -gt 1 ]; then
	tmp=$2
	valgrind=$3
	few=$(instructions "$tmp/get" "$4" 1000) || exit 1
	many=$(instructions "$tmp/get" "$4" 11000) || exit 1
	echo "one read through the C ABI, answer decoded:  $(((many - few) / 10000)) instructions"
	exit
fi

valgrind=$(sh "$tools/valgrind.sh") || exit 1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
"${CC:-cc}" -std=c99 -O2 -Wall -Wextra -Wpedantic -Iinclude benches/get.c -o "$tmp/get" \
	-L"$out" -letcd_v2 -Wl,-rpath,"$(cd "$out" && pwd)" || exit 1
sh "$tools/with-etcd.sh" sh "$0" "$out" "$tmp" "$valgrind" @URL@ || exit 1

decode=$("${CARGO:-cargo}" bench --locked --bench decode --no-run 2>&1 | sed -n 's/.*Executable.*(\(.*\)).*/\1/p')
[ -x "$decode" ] || { echo "the bench of the decoder was not built" >&2; exit 1; }
few=$(instructions "$decode" 100000 1) || exit 1
many=$(instructions "$decode" 100000 3) || exit 1
echo "decoding a listing of 100,000 nodes:         $(((many - few) / 200000)) instructions a node"

cp "$out/libetcd_v2.so" "$tmp/so" && strip "$tmp/so" && echo "the shared library, stripped:                $(wc -c <"$tmp/so") bytes"
