/* worker/outcome.h - puts together what a deployment's result says, in values and in words.
 *
 * The words are for people: what failed, what runs now, what to type next (PRODUCT section 3).
 */
#pragma once

#include "installer/install.h"
#include "model/deployment.h"
#include "util/err.h"

void outcome_begin(struct deployment_result *r, const char *const *order);
void outcome_warn(struct deployment_result *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Undoing left FOLDER, which holds things of others. */
void outcome_warn_spared(struct deployment_result *r, const char *folder);
void outcome_conflict(struct deployment_result *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void outcome_event_started(struct event_result *e);
void outcome_event_finished(struct event_result *e, int failed, const struct err *err);

struct outcome_state {	       /* how things stand at the end */
	const char *last_path; /* folder of the last successful revision before this one; NULL: none */
	bool history_is_known; /* false: it failed before that could be looked up */
	enum install_outcome install;
	const struct deployment *deployment;
};
/* ERR NULL: it succeeded. EVENT is where it failed; NULL: before any. */
void outcome_end(struct deployment_result *r, const struct err *err, const char *event, const struct outcome_state *s);
/* Only what runs now, said anew: R->status and R->restore are known. */
void outcome_now(struct deployment_result *r, const struct outcome_state *s);

char *outcome_counts_text(const struct file_counts *c);	   /* "812 files  10.0 MiB   412 added ..." */
char *outcome_bundle_text(uint64_t files, uint64_t bytes); /* "812 files  10.0 MiB" */
/* Put TEXT behind what E's message says already. */
void outcome_add_text(struct event_result *e, const char *text);
char *outcome_scripts_text(const struct appspec_hook *hook); /* "scripts/start.sh", "scripts/a.sh and 2 more" */
