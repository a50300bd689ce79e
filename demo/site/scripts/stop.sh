#!/bin/sh
# ApplicationStop: ask nginx to finish, and wait until it has.
set -eu
PATH=$PATH:/usr/sbin:/sbin
[ -e @SITE@/run/nginx.pid ] || exit 0
nginx -e @SITE@/run/error.log -p @SITE@/run -c @SITE@/conf/nginx.conf -s quit
tries=0
while [ -e @SITE@/run/nginx.pid ]; do
	tries=$((tries + 1))
	[ $tries -lt 100 ] || { echo "nginx does not stop" >&2; exit 1; }
	sleep 0.1
done
