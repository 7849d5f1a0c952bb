#!/usr/bin/env bash
# Submitted calls against one real etcd, and wrk with as many connections in the same run: submit.sh [calls [window]]
# Needs etcd (tests/tools/etcd.sh gets one) and, for the comparison, wrk.
set -euo pipefail
cd "$(dirname "$0")/.."
calls=${1:-50000}
window=${2:-256}
etcd=${ETCD:-$(command -v etcd)}
folder=$(mktemp -d)
port=${PORT:-23790}
url=http://127.0.0.1:$port
"$etcd" --data-dir "$folder/data" --enable-v2=true --listen-client-urls "$url" --advertise-client-urls "$url" \
	--listen-peer-urls "http://127.0.0.1:$((port + 1))" >"$folder/log" 2>&1 &
server=$!
trap 'kill $server; wait $server 2>/dev/null || true; rm -rf "$folder"' EXIT
until curl -fs "$url/health" >/dev/null; do sleep 0.1; done
bench=$(cargo bench --bench submit --no-run --message-format=json 2>/dev/null | sed -n 's/.*"executable":"\([^"]*submit[^"]*\)".*/\1/p')
"$bench" "$url" "$calls" "$window"
if command -v wrk >/dev/null; then
	cat >"$folder/set.lua" <<-'LUA'
		wrk.method = "PUT"
		wrk.body = "value=0123456789abcdef"
		wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
	LUA
	echo "wrk, $window connections:"
	wrk -t1 -c"$window" -d5s -s "$folder/set.lua" "$url/v2/keys/bench/1" | grep Requests/sec | sed 's/^/set: /'
	wrk -t1 -c"$window" -d5s "$url/v2/keys/bench/1" | grep Requests/sec | sed 's/^/get: /'
fi
