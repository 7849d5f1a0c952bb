#!/bin/sh
# Runs a command with a real etcd that was started for it, and leaves nothing behind.
#
#   tests/tools/with-etcd.sh COMMAND ARGUMENT...
#
# In an argument @URL@ stands for the address of the server, @VERSION@ for what it says of itself.
set -u
tools=$(dirname "$0")
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

# settings of the caller's own etcd must not reach this one
for name in $(env | sed -n 's/^\(ETCD_[A-Z0-9_]*\)=.*/\1/p'); do
	unset "$name"
done
# below the ports that the system gives to outgoing connections
port() {
	echo $((10000 + $(od -An -N2 -tu2 /dev/urandom) % 20000))
}
# a server limits its connections by what it may open
ulimit -n "$(ulimit -H -n)" 2>/dev/null
started() {
	grep -q -e 'ready to serve client requests' -e 'serving .*client requests' "$tmp/log" 2>/dev/null
}
for try in 1 2 3 4 5 6 7 8; do
	client=http://127.0.0.1:$(port)
	peer=http://127.0.0.1:$(port)
	[ "$client" != "$peer" ] || continue
	ETCD_ENABLE_V2=true "$etcd" --name alone --data-dir "$tmp/data-$try" \
		--listen-client-urls "$client" --advertise-client-urls "$client" \
		--listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --initial-cluster "alone=$peer" \
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

version=$("$etcd" --version | head -n 1)
for argument; do
	shift
	set -- "$@" "$(echo "$argument" | sed "s,@URL@,$client,g; s,@VERSION@,$version,g")"
done
"$@"
