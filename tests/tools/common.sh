# Shared by the scripts beside it: a private cache folder, filled without installing anything on the system.
# Sourced, not run. What is fetched is unpacked in a temporary folder and renamed, so runs at the same time are safe.

cache=${ETCD_V2_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/etcd_v2}
case $cache in
/*) ;;
*) cache=$PWD/$cache ;;
esac

have() {
	command -v "$1" >/dev/null 2>&1
}

fail() {
	echo "$*" >&2
	exit 1
}

# A temporary folder inside the cache (same file system, so that a rename is atomic), removed when the script ends.
scratch() {
	mkdir -p "$cache" || fail "cannot make the cache folder $cache; set ETCD_V2_CACHE to one that can be written"
	work=$(mktemp -d "$cache/.tmp.XXXXXX") || fail "cannot write to the cache folder $cache"
	trap 'rm -rf "$work"' EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
}

# Runs apt-get; when it fails for want of package lists and we may, gets the lists and tries once more.
apt() {
	have apt-get || return 1
	apt-get -qq "$@" 2>"$work/apt.log" && return 0
	apt_lists && apt-get -qq "$@" 2>"$work/apt.log"
}

# Gets the package lists anew, if we may.
apt_lists() {
	[ "$(id -u)" = 0 ] && apt-get -qq update >/dev/null 2>&1
}

# download_debs FOLDER PACKAGE...: unpacks the packages into FOLDER.
download_debs() {
	have dpkg || return 1
	into=$1
	shift
	mkdir -p "$work/debs" "$into"
	(cd "$work/debs" && apt download "$@" >/dev/null) || return 1
	for deb in "$work"/debs/*.deb; do
		dpkg -x "$deb" "$into" || return 1
	done
	rm -rf "$work/debs"
}

# use_debian SUITE: from here on packages are those of another suite of Debian, from the mirror that this system uses. Its
# lists stay in the temporary folder.
use_debian() {
	have apt-get || return 1
	unset APT_CONFIG
	mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(CODENAME) $(ORIGIN)' 'Created-By: Packages' 2>/dev/null |
		awk '$2 == $3 && $4 == "Debian" { print $1; exit }')
	keys=/usr/share/keyrings/debian-archive-keyring.gpg
	[ -n "$mirror" ] && [ -f "$keys" ] || return 1
	mkdir -p "$work/apt/sources.d" "$work/apt/$1/partial" "$work/apt/cache/archives/partial"
	echo "deb [signed-by=$keys] $mirror $1 main" >"$work/apt/sources"
	cat >"$work/apt/conf" <<-END
		Dir::Etc::sourcelist "$work/apt/sources";
		Dir::Etc::sourceparts "$work/apt/sources.d";
		Dir::State::lists "$work/apt/$1";
		Dir::Cache "$work/apt/cache";
		Acquire::Languages "none";
		Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
		APT::Sandbox::User "root";
	END
	export APT_CONFIG="$work/apt/conf"
	apt-get -qq update >/dev/null 2>&1
}

# missing_debs PACKAGE...: the packages and everything they need that this system lacks, one a line; changes nothing.
# PACKAGE=VERSION asks for that version; the lines name theirs, too.
missing_debs() {
	apt -s --no-install-recommends install "$@" >"$work/plan" || return 1
	sed -n 's/^Inst \([^ ]*\).* (\([^ ]*\) .*/\1=\2/p' "$work/plan"
}

# keep NAME FOLDER: moves FOLDER into the cache as NAME, unless another run was faster.
keep() {
	[ -e "$cache/$1" ] || mv -T "$2" "$cache/$1" 2>/dev/null || [ -e "$cache/$1" ]
}

# server NAME: prints the path of a program that Debian puts into /usr/sbin: the one of the system, or one unpacked into
# the private cache with the libraries that it needs. ETCD_V2_TEST_FETCH=1 passes over the one of the system.
server() {
	for own in "$(command -v "$1")" "/usr/sbin/$1"; do
		if [ -z "${ETCD_V2_TEST_FETCH:-}" ] && is_server "$own" "$1"; then
			echo "$own"
			return
		fi
	done
	unpacked=$cache/$1/$1
	if ! is_server "$unpacked" "$1"; then
		scratch
		[ ! -e "$cache/$1" ] || mv -T "$cache/$1" "$work/broken"
		debs=$(missing_debs "$1")
		# it may be installed where this user does not look
		if download_debs "$work/$1" ${debs:-"$1"}; then
			cat >"$work/$1/$1" <<END
#!/bin/sh
here=\$(cd "\$(dirname "\$0")" && pwd)
for folder in "\$here"/usr/lib/*-linux-gnu* "\$here"/lib/*-linux-gnu* "\$here"/usr/lib; do
	LD_LIBRARY_PATH=\$folder\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}
done
export LD_LIBRARY_PATH
exec "\$here/usr/sbin/$1" "\$@"
END
			chmod 755 "$work/$1/$1"
			is_server "$work/$1/$1" "$1" && keep "$1" "$work/$1"
		fi
		is_server "$unpacked" "$1" || fail "no $1 found or fetched: install $1"
	fi
	echo "$unpacked"
}

is_server() {
	[ -x "$1" ] && "$1" -v 2>&1 | grep -qi "$2"
}
