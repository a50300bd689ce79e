/* appspec/unprivileged.h - an appspec without what only root can do, for `slipway try`.
 *
 * Pure: what the user may give is asked of MAY. An owner, a group or the name of an ACL entry that cannot be given
 * goes, as do every SELinux context, `runas` another user, and `sudo`; modes and the rest stay. A real deployment never
 * does this.
 */
#pragma once

#include "appspec/appspec.h"

struct unprivileged {
	bool (*owner)(void *context, const char *name);		    /* is it oneself? */
	bool (*group)(void *context, const char *name);		    /* is one a member? */
	bool (*known)(void *context, const char *name, bool group); /* can it stand in an ACL? */
	void *context;
};

/* Take out of A what MAY says no to. LEFT_OUT gets one finding each, with its place. */
void unprivileged_appspec(struct appspec *a, const struct unprivileged *may, struct findings *left_out);
