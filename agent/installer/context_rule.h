/* installer/context_rule.h - SELinux file context rules: as text for records, as lines for semanage(8). Pure.
 *
 * As text a rule is "USER:TYPE:RANGE", USER and RANGE may be empty; "" is no rule. A path stands in a rule as a regular
 * expression, context_spec(); the CodeDeploy agent 1.8.1 puts it there as it is spelled (LABEL_FOREIGN). The words are
 * those of spec/codedeploy-agent.md section 7.9, with Q4; what they mean is in semanage-fcontext(8).
 */
#pragma once

#include "appspec/appspec.h"
#include "installer/steps.h"

#define CONTEXT_UNKNOWN "?" /* there is a rule, but not known which (taken over from another agent) */

/* The caller frees these three. */
char *context_text(const struct appspec_context *c);
/* The regular expression that matches PATH and nothing else. It holds no blanks and no quotes: semanage refuses the
 * former, and `semanage import` splits its lines at both. */
char *context_spec(const char *path);
/* What makes L's rule before into the one after, or BACK: none or some lines such as "fcontext -a -t TYPE SPEC\n". Each
 * is input of `semanage import` and, cut at its blanks, the arguments of a semanage of its own. A rule that changes is
 * removed first: modified, it would keep a user or range that the new one does not name. */
char *context_lines(const struct step_label *l, bool back);

/* Does the rule speak of more than the type? restorecon sets the rest of a label only when it is forced to. */
bool context_needs_force(const char *rule);
