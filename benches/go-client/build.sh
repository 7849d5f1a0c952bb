#!/bin/sh
# Prints the path of chaos.go, built with the compiler and the v2 client of Debian. Both are unpacked into the private cache;
# nothing is installed on the system. Only the comparison of `make chaos-compared` needs it.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../tests/tools/common.sh"

scratch
if [ ! -d "$cache/go-client/usr/share/gocode/src/go.etcd.io/etcd/client" ]; then
	go=$(missing_debs golang-go) || fail "no golang-go: the comparison needs Debian's packages"
	download_debs "$work/go-client" $go golang-etcd-server-dev golang-github-json-iterator-go-dev \
		golang-github-modern-go-reflect2-dev golang-github-modern-go-concurrent-dev golang-github-coreos-go-semver-dev ||
		fail "Debian's packages of Go or of etcd's client could not be fetched"
	keep go-client "$work/go-client"
fi
root=$(echo "$cache"/go-client/usr/lib/go-*)
if [ -x "$root/bin/go" ]; then
	GOROOT=$root
	export GOROOT
	PATH=$root/bin:$PATH
fi
have go || fail "no go"
GO111MODULE=off GOPATH=$cache/go-client/usr/share/gocode GOCACHE=$cache/go-build GOFLAGS= CGO_ENABLED=0 \
	go build -o "$work/chaos" "$here/chaos.go" || exit 1
mv "$work/chaos" "$cache/go-client-chaos"
echo "$cache/go-client-chaos"
