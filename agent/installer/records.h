/* installer/records.h - the two files by which a CodeDeploy agent remembers an install, and our manifest.
 *
 * `<group>-install.json` and `<group>-cleanup` (spec/codedeploy-agent.md sections 7.5, 7.6) are written so that a host
 * can go back to the other agent; slipway itself reads only the manifest (and `<group>-cleanup` once, to take over).
 */
#pragma once

#include "installer/arrange.h"
#include "installer/stage.h"

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

/* The manifest of what PLAN makes, as NAME under DIR_FD. MOVED: the steps have been done, so that the times of change
 * of single files can be recorded; else theirs is left open and they count as touched. Nothing is flushed. */
int records_write_manifest(const struct plan *plan, const struct arrangement *a,
			   const struct staged_identity *identities, bool moved, int dir_fd, const char *name,
			   struct err *err);
/* Would a manifest written after the steps say more than the one before? Only single files and links that were moved
 * by a step of their own, or got a label, have a new time of change by that. */
bool records_need_second_look(const struct plan *plan);
