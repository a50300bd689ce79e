/* worker/run.h - a deployment in the middle of its run; only runner.c and run_revision.c include it. */
#pragma once

#include "installer/install.h"
#include "worker/bundle_digest.h"
#include "worker/event_log.h"
#include "worker/group.h"
#include "worker/preflight.h"
#include "worker/runner.h"
#include "worker/script_run.h"

#define RUN_PREFLIGHT "Preflight"

struct run {
	const struct runner *r;
	const struct deployment *d;
	struct deployment_result *result;
	const char *const *order;
	struct group group;
	bool group_is_open, history_is_known;
	int fd; /* the deployment's folder */
	char *path;
	char *last_path; /* of the last successful revision; NULL: none */
	struct manifest *manifest;
	struct revision_files files;
	char digest[BUNDLE_DIGEST_SIZE]; /* of the bundle, when it had to be known before it was unpacked; else "" */
	struct plan *plan;
	struct script_log *log;
	struct event_log events;
	struct script_run scripts;
	struct install *install;
	enum install_outcome install_outcome;
	const char *event; /* being run, for errors */
};

bool run_stopped(const struct run *run);
/* When the one who started us stopped it for its deadline, that is the cause. */
void run_tell_deadline(const struct run *run, struct err *err);

/* Everything about the new revision that touches nothing yet. 1: it runs already, there is nothing to do. */
int run_preflight(struct run *run, struct err *err);
int run_download_bundle(struct run *run, struct event_result *event, struct err *err);
int run_install(struct run *run, struct event_result *event, struct err *err);
