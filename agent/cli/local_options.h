/* cli/local_options.h - the options of `slipway local` and `codedeploy-local`: read, then checked, then a request.
 *
 * Reading is pure. Checking looks at the disk and changes nothing. Messages and their order are the reference's
 * (spec/codedeploy-agent.md section 10); all failures are ERR_USAGE.
 */
#pragma once

#include "model/deployment.h"

struct local_options {
	const char
		*location; /* a folder, an archive or a file: URL; NULL: the working directory. Borrowed, as all here */
	const char *type;  /* NULL: "directory" for codedeploy-local, else what the location is */
	const char *file_exists_behavior, *group, *group_name, *application, *events, *agent_configuration_file;
	const char *appspec_filename;
	const char *on_failure; /* NULL: "restore"; codedeploy-local has no such option, and no restore */
	const char *plan_id;	/* NULL: any; nor has codedeploy-local this one */
	bool json, help, version;
};

/* ARGV[0] is the command; the strings of OUT point into ARGV. */
int local_options_read(int argc, char *const *argv, bool compatible, struct local_options *out, struct err *err);
/* Check all of them; the request in OUT is complete but for its settings. OUT is the caller's: deployment_done(). */
int local_options_check(const struct local_options *options, bool compatible, struct deployment *out, struct err *err);
