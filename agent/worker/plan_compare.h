/* worker/plan_compare.h - is what would be done now still the plan that somebody has looked at?
 *
 * An id tells that something is different, not what it was before. So the halves tell whether it is the bundle or the
 * host, and of the host what is newest is named: the revision in place, a file, a hook or policy of the host, a file
 * that is gone.
 */
#pragma once

#include "worker/plan_id.h"

/* ASKED: an id, or NULL: any will do. ERR_PLAN_CHANGED: it is another one now, and ERR says what can be known. */
int plan_compare(const struct plan_basis *b, const char *asked, struct err *err);
