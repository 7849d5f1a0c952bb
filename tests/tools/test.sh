#!/bin/sh
# make test: gets what the tests need, runs all of them, prints the totals last.
#
#   tests/tools/test.sh FOLDER-OF-THE-LIBRARY
#
# ETCD_V2_TEST_WITHOUT=clang,valgrind,g++,etcdctl,nginx,haproxy,gcc,python3,newest-etcd names tools to go without; without it
# a missing tool fails its tests.
set -u
tools=$(dirname "$0")
ETCD_V2_TEST_LIBDIR=$(cd "$1" && pwd) || exit 1
shift
ETCD_V2_TEST_ETCD_34=${ETCD_V2_TEST_ETCD_34:-$(sh "$tools/etcd.sh" 3.4)} || exit 1
ETCD_V2_TEST_ETCD_35=${ETCD_V2_TEST_ETCD_35:-$(sh "$tools/etcd.sh" 3.5)} || exit 1
case ,${ETCD_V2_TEST_WITHOUT:-}, in
*,newest-etcd,*) ETCD_V2_TEST_ETCD_35_NEWEST=$ETCD_V2_TEST_ETCD_35 ;;
*) ETCD_V2_TEST_ETCD_35_NEWEST=${ETCD_V2_TEST_ETCD_35_NEWEST:-$(sh "$tools/etcd.sh" newest-3.5)} || exit 1 ;;
esac
export ETCD_V2_TEST_LIBDIR ETCD_V2_TEST_ETCD_34 ETCD_V2_TEST_ETCD_35 ETCD_V2_TEST_ETCD_35_NEWEST
for etcd in "$ETCD_V2_TEST_ETCD_34" "$ETCD_V2_TEST_ETCD_35" "$ETCD_V2_TEST_ETCD_35_NEWEST"; do
	echo "$("$etcd" --version 2>&1 | head -n 1): $etcd"
done
[ -z "${ETCD_V2_TEST_WITHOUT:-}" ] || echo "WITHOUT: $ETCD_V2_TEST_WITHOUT (what needs it is not tested)"
for tool in clang valgrind g++ etcdctl nginx haproxy; do
	case ,${ETCD_V2_TEST_WITHOUT:-}, in
	*,$tool,*) continue ;;
	esac
	# got here once, so that the tests only look it up; a failure is told by each test that needs it
	path=$(sh "$tools/$(echo $tool | tr + x).sh") && echo "$tool: $path"
done

# most tests wait for servers, not for a core
RUST_TEST_THREADS=${RUST_TEST_THREADS:-$((2 * $(getconf _NPROCESSORS_ONLN)))}
export RUST_TEST_THREADS

tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
{
	"${CARGO:-cargo}" test --locked --no-fail-fast "$@" 2>&1
	echo $? >"$tmp/status"
} | tee "$tmp/log"
awk '
	/^test result: / {
		for (i = 2; i <= NF; i++) {
			if ($i ~ /^passed/) passed += $(i - 1)
			if ($i ~ /^failed/) failed += $(i - 1)
			if ($i ~ /^ignored/) ignored += $(i - 1)
		}
	}
	/^test .* \.\.\. FAILED$/ { names = names "\n  " $2 }
	END {
		print ""
		if (names != "") print "failed:" names
		if (ignored > 0) printf "%d passed, %d failed, %d skipped\n", passed, failed, ignored
		else printf "%d passed, %d failed\n", passed, failed
	}' "$tmp/log"
exit "$(cat "$tmp/status")"
