#!/bin/sh
# make demo: a real etcd on free loopback ports, the quickstart against it, and nothing left behind.
#
#   tests/tools/demo.sh FOLDER-OF-THE-LIBRARY
set -u
out=$1
tools=$(dirname "$0")
source=examples-c/01-quickstart.c

etcd=$(sh "$tools/etcd.sh" any) || exit 1
tmp=$(mktemp -d) || exit 1
pid=
clean() {
	[ -z "$pid" ] || { kill "$pid" && wait "$pid"; } 2>/dev/null
	rm -rf "$tmp"
}
trap clean EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

"${CC:-cc}" ${CFLAGS:-} -std=c99 -Wall -Wextra -Wpedantic -Iinclude "$source" -o "$tmp/quickstart" \
	-L"$out" -letcd_v2 -Wl,-rpath,"$(cd "$out" && pwd)" || exit 1

# settings of the caller's own etcd must not reach this one
for name in $(env | sed -n 's/^\(ETCD_[A-Z0-9_]*\)=.*/\1/p'); do
	unset "$name"
done
# below the ports that the system gives to outgoing connections
port() {
	echo $((10000 + $(od -An -N2 -tu2 /dev/urandom) % 20000))
}
started() {
	grep -q -e 'ready to serve client requests' -e 'serving .*client requests' "$tmp/log" 2>/dev/null
}
for try in 1 2 3 4 5 6 7 8; do
	client=http://127.0.0.1:$(port)
	peer=http://127.0.0.1:$(port)
	[ "$client" != "$peer" ] || continue
	ETCD_ENABLE_V2=true "$etcd" --name demo --data-dir "$tmp/data-$try" \
		--listen-client-urls "$client" --advertise-client-urls "$client" \
		--listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --initial-cluster "demo=$peer" \
		>"$tmp/log" 2>&1 &
	pid=$!
	waited=0
	while kill -0 "$pid" 2>/dev/null && ! started && [ $waited -lt 300 ]; do
		sleep 0.1
		waited=$((waited + 1))
	done
	started && kill -0 "$pid" 2>/dev/null && break
	kill "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	pid=
	grep -q 'address already in use' "$tmp/log" || break
done
if [ -z "$pid" ]; then
	echo "etcd did not start; it said:" >&2
	tail -n 5 "$tmp/log" >&2
	exit 1
fi

echo
echo "$("$etcd" --version | head -n 1), started for this at $client"
echo "the program: $source"
echo "what it prints:"
echo
"$tmp/quickstart" "$client" >"$tmp/output" 2>&1
status=$?
sed 's/^/    /' "$tmp/output"
echo
if [ "$status" -ne 0 ]; then
	echo "the program failed with status $status" >&2
	exit 1
fi
echo "done; etcd is stopped and its data removed"
