/* config/trust.h - may what the host's configuration names be obeyed? Only what nobody else could have written.
 *
 * Operator hooks, the host's policy and the folders they lie in belong to root or to the agent's user, and nobody else
 * may write to them (an ACL counts: its mask is the group's mode). Whoever could would decide what the agent does.
 */
#pragma once

#include <sys/stat.h>

/* ST tells of PATH, UID is the agent's user. NULL: it may be obeyed. Else what is wrong and the cure, for people:
 * "'/etc/x' has mode 0775, so others may write to it: chmod go-w /etc/x"; the caller frees it. */
char *trust_refusal(const char *path, const struct stat *st, uid_t uid);
