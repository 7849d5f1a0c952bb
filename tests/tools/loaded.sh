#!/bin/sh
# The whole suite on a machine that is busy with something else: so many runs beside so many loops that do nothing.
#
#   tests/tools/loaded.sh FOLDER-OF-THE-LIBRARY [RUNS [LOOPS]]
set -u
folder=$1 runs=${2:-5} loops=${3:-4}
log=$(mktemp) || exit 1
busy=
end() {
	# shellcheck disable=SC2086
	[ -z "$busy" ] || kill $busy 2>"$log"
	rm -f "$log"
}
trap end EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
i=0
while [ "$i" -lt "$loops" ]; do
	(while :; do :; done) &
	busy="$busy $!"
	i=$((i + 1))
done
failed=0 run=1
while [ "$run" -le "$runs" ]; do
	began=$(date +%s)
	sh "$(dirname "$0")/test.sh" "$folder" >"$log" 2>&1 || failed=$((failed + 1))
	sed -n '/^failures:$/,/^test result/p' "$log"
	echo "run $run of $runs beside $loops loops: $(tail -n 1 "$log"), $(($(date +%s) - began)) s"
	run=$((run + 1))
done
[ "$failed" -eq 0 ]
