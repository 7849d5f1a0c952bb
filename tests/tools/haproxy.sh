#!/bin/sh
# Prints the path of an haproxy: the one of the system, or one unpacked into the private cache with the libraries that it needs.
set -u

. "$(dirname "$0")/common.sh"

works() {
	[ -x "$1" ] && "$1" -v 2>&1 | grep -qi 'haproxy'
}
for own in "$(command -v haproxy)" /usr/sbin/haproxy; do
	if [ -z "${ETCD_V2_TEST_FETCH:-}" ] && works "$own"; then
		echo "$own"
		exit 0
	fi
done
if works "$cache/haproxy/haproxy"; then
	echo "$cache/haproxy/haproxy"
	exit 0
fi
scratch
[ ! -e "$cache/haproxy" ] || mv -T "$cache/haproxy" "$work/broken"
debs=$(missing_debs haproxy)
# it may be installed where this user does not look
if download_debs "$work/haproxy" ${debs:-haproxy}; then
	cat >"$work/haproxy/haproxy" <<'END'
#!/bin/sh
here=$(cd "$(dirname "$0")" && pwd)
for folder in "$here"/usr/lib/*-linux-gnu* "$here"/lib/*-linux-gnu* "$here"/usr/lib; do
	LD_LIBRARY_PATH=$folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
done
export LD_LIBRARY_PATH
exec "$here/usr/sbin/haproxy" "$@"
END
	chmod 755 "$work/haproxy/haproxy"
	works "$work/haproxy/haproxy" && keep haproxy "$work/haproxy"
fi
works "$cache/haproxy/haproxy" || fail "no haproxy found or fetched: install haproxy"
echo "$cache/haproxy/haproxy"
