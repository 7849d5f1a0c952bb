#!/bin/sh
# Prints the path of a valgrind: the one on PATH, or one unpacked into the private cache.
set -u

. "$(dirname "$0")/common.sh"

command -v valgrind && exit 0
if "$cache/valgrind/valgrind" -q true 2>/dev/null; then
	echo "$cache/valgrind/valgrind"
	exit 0
fi
scratch
[ ! -e "$cache/valgrind" ] || mv -T "$cache/valgrind" "$work/broken"
if debs=$(missing_debs valgrind) && [ -n "$debs" ] && download_debs "$work/valgrind" $debs; then
	# libc6-dbg comes along: valgrind must find the functions of the loader that it replaces
	cat >"$work/valgrind/valgrind" <<'END'
#!/bin/sh
here=$(cd "$(dirname "$0")" && pwd)
VALGRIND_LIB=$here/usr/libexec/valgrind
export VALGRIND_LIB
valgrind=$here/usr/bin/valgrind.bin
[ -x "$valgrind" ] || valgrind=$here/usr/bin/valgrind
exec "$valgrind" --extra-debuginfo-path="$here/usr/lib/debug" "$@"
END
	chmod 755 "$work/valgrind/valgrind"
	"$work/valgrind/valgrind" -q true 2>/dev/null && keep valgrind "$work/valgrind"
fi
[ -x "$cache/valgrind/valgrind" ] || fail "no valgrind found or fetched: install valgrind, or go without with ETCD_V2_TEST_WITHOUT=valgrind"
echo "$cache/valgrind/valgrind"
