/* daemon/recover_job.h - a worker died: another one finishes or undoes what it had begun, while the group waits.
 *
 * A few tries with growing pauses. After the last one the group is released all the same: the worker of the next
 * deployment tries again by itself, and refuses when it cannot.
 */
#pragma once

#include "daemon/daemon_internal.h"

/* Recover GROUP, unless that is being done. ID: the deployment that it is about. */
void recover_job_start(struct daemon *d, const char *group, const char *id);
bool recover_job_runs(const struct daemon *d, const char *group);
bool recover_job_any(const struct daemon *d);
void recover_job_free_all(struct daemon *d);
