#!/bin/sh
# ValidateService: the site answers.
set -eu
curl --fail --silent --show-error --retry 10 --retry-delay 1 --retry-connrefused --max-time 20 \
	--output /dev/null http://127.0.0.1:@PORT@/
echo "http://127.0.0.1:@PORT@/ answers"
