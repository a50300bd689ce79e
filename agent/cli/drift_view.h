/* cli/drift_view.h - a deviation in words: "mode (expected 0644, is 0600)". */
#pragma once

#include "installer/drift.h"

#include <jansson.h>

/* What deviates, one text a deviation. The first word is its kind: missing, type, changed, link, mode, owner,
 * unreadable. New reference. */
json_t *drift_problems(const struct manifest *m, const struct drift *d);
/* "file", "folder", "link" */
const char *drift_type_name(const struct manifest_entry *e);
