#!/bin/sh
# Prints the path of a g++: the one on PATH, or one unpacked into the private cache, which needs the gcc of the system.
set -u
. "$(dirname "$0")/common.sh"

command -v g++ && exit 0
# a compiler that is only half there prints its version, too: let it compile something
works() {
	[ -x "$1" ] && program=$(mktemp) || return 1
	printf '#include <cstddef>\nint main() {}\n' | "$1" -x c++ -o "$program" - 2>/dev/null
	worked=$?
	rm -f "$program"
	return $worked
}
if works "$cache/g++/g++"; then
	echo "$cache/g++/g++"
	exit 0
fi
scratch
[ ! -e "$cache/g++" ] || mv -T "$cache/g++" "$work/broken"
if debs=$(missing_debs g++) && [ -n "$debs" ] && download_debs "$work/g++" $debs; then
	cat >"$work/g++/g++" <<'END'
#!/bin/sh
here=$(cd "$(dirname "$0")" && pwd)
# start files, libgcc and its headers are those of the gcc that is installed
exec "$here/usr/bin/g++" -B"$(dirname "$(gcc -print-libgcc-file-name)")" "$@"
END
	chmod 755 "$work/g++/g++"
	works "$work/g++/g++" && keep g++ "$work/g++"
fi
[ -x "$cache/g++/g++" ] || fail "no g++ found or fetched: install g++, or go without with ETCD_V2_TEST_WITHOUT=g++"
echo "$cache/g++/g++"
