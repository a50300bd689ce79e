/* worker/policy_ask.h - what the worker asks the scripts that decide, and what it makes of their answers.
 *
 * Overwrite policies are scripts of the bundle ('policy' of a rule of 'slipway: overwrite'), asked once a conflict by
 * the plan. A script that cannot be read, asked or understood refuses the install, with its own file and line.
 * Source: PRODUCT section 4 "Overwrite policy"; docs/policies.md has the words of questions and answers.
 */
#pragma once

#include "installer/plan.h"
#include "lifecycle/policy_process.h"
#include "util/str.h"
#include "worker/preflight.h"

#include <sys/stat.h>

struct policy_asker;

/* For one plan of revision R. All are borrowed; the process starts when a rule needs it. The caller owns what it gets:
 * policy_asker_free(). ASKER is for plan_input. */
struct policy_asker *policy_asker_new(const struct revision_files *r, const struct deployment *d, struct zygote *z,
				      struct plan_asker *asker);
void policy_asker_free(struct policy_asker *a); /* NULL is fine; the process is gone when this returns */

/* The text of a script: PATH below DIR_FD, through no link, or PATH itself with AT_FDCWD. *ST is the file's. 0: it is
 * not there. */
int policy_read(int dir_fd, const char *path, struct str *out, struct stat *st, struct err *err);
