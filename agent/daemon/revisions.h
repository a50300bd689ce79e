/* daemon/revisions.h - the good revisions of a group: deployments that succeeded and whose bundle is still on disk. */
#pragma once

#include "daemon/daemon_internal.h"

#define REVISIONS_CREATOR "slipway" /* of deployments that nobody asked for: on_failure redeploy */

/* The id of the deployment that last_successful_install of GROUP names; the caller frees it. NULL: none. */
char *revisions_in_place(const struct daemon *d, const char *group);
/* 1: the newest good one that is not OTHER (NULL: any); OUT is the caller's: db_row_done(). 0: there is none. */
int revisions_good(const struct daemon *d, const char *group, const char *other, struct db_row *out, struct err *err);
/* The one to go back to: the newest good one that is not in place; when the one in place is itself a rollback, the
 * newest of those older than what it went back to. As revisions_good(). */
int revisions_before(const struct daemon *d, const char *group, struct db_row *out, struct err *err);
/* Is ROW a good revision? -1: err says what is wrong with it. */
int revisions_check(const struct daemon *d, const struct db_row *row, struct err *err);
/* A new deployment of the bundle of ROW as it lies in its folder; OUT is the caller's: deployment_done(). Who asks for
 * it, its deadline and its on_failure are for the caller to set. */
void revisions_deployment(const struct daemon *d, const struct db_row *row, struct deployment *out);
