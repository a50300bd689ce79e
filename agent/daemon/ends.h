/* daemon/ends.h - how deployments ended, on its way into the database.
 *
 * The daemon goes on when the database cannot be written (a full disk): what could not be recorded is kept, told to
 * those who ask, and tried again every few seconds and at the end of the daemon. Without that a deployment that was
 * stopped or superseded while it waited, and has no folder that would tell, would come back with the next daemon.
 */
#pragma once

#include "daemon/daemon_internal.h"

void ends_record(struct daemon *d, const char *id, enum deployment_status status, json_t *document);
/* ROW as it would be, had its end been recorded. */
void ends_apply(const struct daemon *d, struct db_row *row);
size_t ends_count(const struct daemon *d); /* not recorded yet */
void ends_free(struct daemon *d);	   /* after a last try */
