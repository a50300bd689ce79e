#!/bin/sh
# ApplicationStart: nginx goes into the background by itself and lets go of our output.
set -eu
PATH=$PATH:/usr/sbin:/sbin
mkdir -p @SITE@/run
nginx -e @SITE@/run/error.log -p @SITE@/run -c @SITE@/conf/nginx.conf
