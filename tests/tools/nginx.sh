#!/bin/sh
# Prints the path of nginx.
set -u

. "$(dirname "$0")/common.sh"

server nginx
