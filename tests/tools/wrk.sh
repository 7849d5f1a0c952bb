#!/bin/sh
# Prints the path of a wrk: the one on PATH, or one unpacked into the private cache with the libraries that it needs.
set -u

. "$(dirname "$0")/common.sh"

command -v wrk && exit 0
# it says its version and then that it needs an address
works() {
	[ -x "$1" ] && "$1" -v 2>/dev/null | grep -q '^wrk'
}
if works "$cache/wrk/wrk"; then
	echo "$cache/wrk/wrk"
	exit 0
fi
scratch
[ ! -e "$cache/wrk" ] || mv -T "$cache/wrk" "$work/broken"
if debs=$(missing_debs wrk) && [ -n "$debs" ] && download_debs "$work/wrk" $debs; then
	cat >"$work/wrk/wrk" <<'END'
#!/bin/sh
here=$(cd "$(dirname "$0")" && pwd)
for folder in "$here"/usr/lib/*-linux-gnu* "$here"/usr/lib; do
	LD_LIBRARY_PATH=$folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
done
LUA_PATH="$here/usr/share/luajit-2.1/?.lua;;"
export LD_LIBRARY_PATH LUA_PATH
exec "$here/usr/bin/wrk" "$@"
END
	chmod 755 "$work/wrk/wrk"
	works "$work/wrk/wrk" && keep wrk "$work/wrk"
fi
[ -x "$cache/wrk/wrk" ] || fail "no wrk found or fetched: install wrk"
echo "$cache/wrk/wrk"
