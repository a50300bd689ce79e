/* daemon/recovery.h - a worker died: another one finishes or undoes what it had begun, while the group waits.
 *
 * A few tries with growing pauses. After the last one the group is released all the same: the worker of the next
 * deployment tries again by itself, and refuses when it cannot.
 */
#pragma once

#include "daemon/daemon_internal.h"

/* Recover GROUP, unless that is being done. ID: the deployment that it is about. */
void recovery_start(struct daemon *d, const char *group, const char *id);
bool recovery_runs(const struct daemon *d, const char *group);
bool recovery_any(const struct daemon *d);
void recovery_free_all(struct daemon *d);
