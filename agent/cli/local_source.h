/* cli/local_source.h - what `slipway local` is asked to deploy: a folder or an archive of this machine. */
#pragma once

#include "model/deployment.h"

/* Check LOCATION (a path or a file: URL; NULL: the working directory) against TYPE ("directory", "tgz", ...; NULL:
 * whatever it is) and against APPSPEC_FILENAME (NULL: appspec.yml or appspec.yaml). Reads the disk, changes nothing.
 * Messages and their order: spec/codedeploy-agent.md section 10. -1 is ERR_USAGE. Strings of OUT are the caller's. */
int local_source_check(const char *location, const char *type, const char *appspec_filename, struct revision *out,
		       struct err *err);
