#!/bin/sh
# Prints the path of a clang: the one on PATH, or one unpacked into the private cache.
set -u

. "$(dirname "$0")/common.sh"

command -v clang && exit 0
if "$cache/clang/clang" --version >/dev/null 2>&1; then
	echo "$cache/clang/clang"
	exit 0
fi
scratch
[ ! -e "$cache/clang" ] || mv -T "$cache/clang" "$work/broken"
if debs=$(missing_debs clang) && [ -n "$debs" ] && download_debs "$work/clang" $debs; then
	# found by its folder, so that the cache may be moved
	cat >"$work/clang/clang" <<'END'
#!/bin/sh
here=$(cd "$(dirname "$0")" && pwd)
for folder in "$here"/usr/lib/*-linux-* "$here"/usr/lib/llvm-*/lib; do
	LD_LIBRARY_PATH=$folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
done
export LD_LIBRARY_PATH
for clang in "$here"/usr/lib/llvm-*/bin/clang; do
	exec "$clang" "$@"
done
END
	chmod 755 "$work/clang/clang"
	"$work/clang/clang" --version >/dev/null 2>&1 && keep clang "$work/clang"
fi
[ -x "$cache/clang/clang" ] || fail "no clang found or fetched: install clang, or go without with ETCD_V2_TEST_WITHOUT=clang"
echo "$cache/clang/clang"
