/* installer/label.h - sets SELinux contexts with the system's own tools, and takes them back.
 *
 * The rules go to the policy by semanage(8), the labels to what stands there by restorecon(8); both are looked up in
 * PATH and then in the folders of the system, and are started without a shell. Labels belong to final paths, so this
 * comes right after the steps, under the same journal: done again, it comes to the same.
 * A semanage takes about a second. So when there are several rules they go through one `semanage import`, which is one
 * transaction, and knows by `semanage fcontext -E` what is there. When it does not like one of them nothing has
 * changed, and the rules are set one by one, as the reference does, which tells the one that is wrong. Source:
 * spec/codedeploy-agent.md section 7.9; DESIGN.md section 6.
 */
#pragma once

#include "installer/steps.h"
#include "util/err.h"

/* ERR_NOT_READY: a tool is missing on this host, with the cure. */
int label_check_tools(struct err *err);

/* After the steps. ERR_APPSPEC: a tool refused, in the words of the reference; some are done then: label_undo(). */
int label_redo(const struct steps *s, struct err *err);
/* After the steps have been undone: the rules are as they were, but for those of other agents that are not known. */
int label_undo(const struct steps *s, struct err *err);
