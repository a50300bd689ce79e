/* cli/local_source.h - what `slipway local` is asked to deploy: a folder or an archive of this machine. */
#pragma once

#include "model/deployment.h"

/* Check LOCATION (a path or a file: URL; NULL: the working directory) against TYPE ("directory", "tgz", ...; NULL:
 * whatever it is) and against APPSPEC_FILENAME (NULL: appspec.yml or appspec.yaml). Reads the disk, changes nothing.
 * Messages and their order: spec/codedeploy-agent.md section 10. -1 is ERR_USAGE. Strings of OUT are the caller's. */
int local_source_check(const char *location, const char *type, const char *appspec_filename, struct revision *out,
		       struct err *err);

/* Would LOCATION (NULL: the working directory) have to be fetched? local_source_check() refuses it then: this version
 * fetches nothing. The reference looks at these after all other options. */
bool local_source_is_remote(const char *location);
/* Is LOCATION, which is remote, written as the reference wants it? -1 is ERR_USAGE. The texts for GitHub are modelled
 * on that for S3; the specification gives that one alone. */
int local_source_check_remote(const char *location, struct err *err);
