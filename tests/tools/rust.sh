#!/bin/sh
# Prints the folder of a rustc and a cargo of the oldest version that Cargo.toml promises: those on PATH if they are that
# old, else Debian's packages, unpacked into the private cache. Both must start: a half of one is no help.
set -u

. "$(dirname "$0")/common.sh"
oldest=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$(dirname "$0")/../../Cargo.toml")
name=rust-$oldest

works() {
	"$1/rustc" --version 2>/dev/null | grep -q "^rustc $oldest\." &&
		"$1/cargo" --version 2>/dev/null | grep -q "^cargo $oldest\."
}

for folder in "$(dirname "$(command -v rustc)")" "$cache/$name/bin"; do
	if works "$folder"; then
		echo "$folder"
		exit 0
	fi
done
scratch
[ ! -e "$cache/$name" ] || mv -T "$cache/$name" "$work/broken"

# fetch SUFFIX: Debian has a newer Rust for its browsers beside the one of the release, as rustc-web or rustc-mozilla.
fetch() {
	version=$(apt-cache madison "rustc$1" 2>/dev/null | sed -n "s/^ *[^|]*| *\($oldest\.[^ ]*\) .*/\1/p" | head -n 1)
	[ -n "$version" ] || return 1
	# libstd of that version by name: apt would take the newest
	debs=$(missing_debs "rustc$1=$version" "cargo$1=$version" "libstd-rust$1-dev=$version" "libstd-rust$1-$oldest=$version") || return 1
	[ -n "$debs" ] && download_debs "$work/rust" $debs || return 1
	mkdir "$work/rust/bin"
	for tool in rustc cargo rustdoc; do
		# found by its folder, so that the cache may be moved
		cat >"$work/rust/bin/$tool" <<'END'
#!/bin/sh
here=$(cd "$(dirname "$0")/.." && pwd)
for folder in "$here"/lib/*-linux-* "$here"/usr/lib/*-linux-* "$here"/usr/lib/llvm-*/lib; do
	LD_LIBRARY_PATH=$folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
done
export LD_LIBRARY_PATH
END
		echo "exec \"\$here/usr/bin/$tool\" \"\$@\"" >>"$work/rust/bin/$tool"
		chmod 755 "$work/rust/bin/$tool"
	done
	works "$work/rust/bin" && keep "$name" "$work/rust"
}

[ -n "$(apt-cache madison rustc 2>/dev/null)" ] || apt_lists
for suffix in "" -web -mozilla; do
	fetch "$suffix" && break
	rm -rf "$work/rust"
done
works "$cache/$name/bin" || fail "no Rust $oldest found or fetched: put one first on PATH"
echo "$cache/$name/bin"
