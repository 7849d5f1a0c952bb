#!/bin/sh
# Prints the path of haproxy.
set -u

. "$(dirname "$0")/common.sh"

server haproxy
