/* installer/arrange_label.h - which SELinux rules and labels change with a plan, and the rule a record keeps. Pure.
 *
 * A rule that stays as it is is left alone; a file that is staged anew gets its label from it all the same. A link is
 * labelled itself. What the last revision had a rule for and this one has none for loses it.
 */
#pragma once

#include "installer/plan.h"
#include "installer/steps.h"

void arrange_labels(const struct plan *plan, struct steps *out);
/* The rule that NODE has by the last manifest; "": none. Borrowed. */
const char *arrange_rule_before(const struct plan *plan, uint32_t node);
