/* installer/permission.h - owner, group, mode and ACL of one file or folder, set through its descriptor.
 *
 * Source: spec/codedeploy-agent.md sections 7.7 and 7.8 with Q5 and Q6: ACLs are completed for each object by itself,
 * and what the mode says of setuid and setgid survives the change of owner.
 */
#pragma once

#include "appspec/appspec.h"
#include "util/err.h"

#include <sys/types.h>

/* The "access|default" text that `setfacl --set` would be given for an object of MODE: what PERM lists, completed by
 * the base entries and masks of section 7.8. The caller frees it; "" when PERM lists no ACL. */
char *permission_acl_text(const struct appspec_permission *perm, mode_t mode);

/* Owner and group first (chown(2) clears bits), then the mode, then the ACL (NULL or "": none; without a bar in it the
 * default one stays, as with setfacl).
 * What the object has already is not set again. */
int permission_apply(int fd, mode_t mode, uid_t uid, gid_t gid, const char *acl, struct err *err);
