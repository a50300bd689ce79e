/* installer/records.h - the two files by which a CodeDeploy agent remembers an install.
 *
 * `<group>-install.json` and `<group>-cleanup` (spec/codedeploy-agent.md sections 7.5, 7.6) are written so that a host
 * can go back to the other agent; slipway itself reads its manifest, and these once, to take over.
 */
#pragma once

#include "installer/plan.h"

/* Both under DIR_FD with ".new" behind their names; records_publish() gives them their names. Nothing is flushed. */
int records_write(const struct plan *plan, int dir_fd, const char *group, struct err *err);
/* Idempotent; files that are not there are no failure. */
int records_publish(int dir_fd, const char *group, struct err *err);
int records_discard(int dir_fd, const char *group, struct err *err);

/* Those of the revision before, kept by a second name in the deployment's folder KEPT_FD as long as the install can
 * still be undone. Keep: before anything is published. Bring back: they are what they were, also when there were none;
 * may be done again. Drop: the second names go. */
int records_keep(int dir_fd, const char *group, int kept_fd, struct err *err);
int records_bring_back(int dir_fd, const char *group, int kept_fd, struct err *err);
int records_drop_kept(int kept_fd, struct err *err);
