#!/bin/sh
# ApplicationStop: ask nginx to finish, and wait until it has.
set -eu
PATH=$PATH:/usr/sbin:/sbin
[ -e @SITE@/run/nginx.pid ] || exit 0
kill -QUIT "$(cat @SITE@/run/nginx.pid)"
tries=0
while [ -e @SITE@/run/nginx.pid ]; do
	tries=$((tries + 1))
	[ $tries -lt 500 ] || { echo "nginx does not stop" >&2; exit 1; }
	sleep 0.01
done
