#!/bin/sh
# ApplicationStart: nginx goes into the background by itself and lets go of our output. When a deployment is taken back,
# the nginx of the newer revision still runs: then it is a restart.
set -eu
PATH=$PATH:/usr/sbin:/sbin
mkdir -p @SITE@/run
"$(dirname "$0")/stop.sh"
nginx -e @SITE@/run/error.log -p @SITE@/run -c @SITE@/conf/nginx.conf
