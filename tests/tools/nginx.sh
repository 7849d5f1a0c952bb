#!/bin/sh
# Prints the path of an nginx: the one of the system, or one unpacked into the private cache with the libraries that it needs.
set -u

. "$(dirname "$0")/common.sh"

works() {
	[ -x "$1" ] && "$1" -v 2>&1 | grep -qi 'nginx'
}
for own in "$(command -v nginx)" /usr/sbin/nginx; do
	if [ -z "${ETCD_V2_TEST_FETCH:-}" ] && works "$own"; then
		echo "$own"
		exit 0
	fi
done
if works "$cache/nginx/nginx"; then
	echo "$cache/nginx/nginx"
	exit 0
fi
scratch
[ ! -e "$cache/nginx" ] || mv -T "$cache/nginx" "$work/broken"
debs=$(missing_debs nginx)
# it may be installed where this user does not look
if download_debs "$work/nginx" ${debs:-nginx}; then
	cat >"$work/nginx/nginx" <<'END'
#!/bin/sh
here=$(cd "$(dirname "$0")" && pwd)
for folder in "$here"/usr/lib/*-linux-gnu* "$here"/lib/*-linux-gnu* "$here"/usr/lib; do
	LD_LIBRARY_PATH=$folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
done
export LD_LIBRARY_PATH
exec "$here/usr/sbin/nginx" "$@"
END
	chmod 755 "$work/nginx/nginx"
	works "$work/nginx/nginx" && keep nginx "$work/nginx"
fi
works "$cache/nginx/nginx" || fail "no nginx found or fetched: install nginx"
echo "$cache/nginx/nginx"
