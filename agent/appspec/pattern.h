/* appspec/pattern.h - which names a permission entry speaks of, and paths as text. Pure.
 *
 * Source: spec/codedeploy-agent.md section 5.8. Only `*` is special, the match is of the whole name, case counts.
 */
#pragma once

#include "util/err.h"

#include <stdbool.h>
#include <stddef.h>

/* Does NAME, a direct child's, match PATTERN? `**` is no different from `*` here. */
bool pattern_matches(const char *pattern, const char *name);

/* The destination TEXT as an absolute path without `.`, `..`, doubled or trailing slashes, PREFIX put in front of it.
 * `..` is resolved in the text; a relative path is taken below `/`. The caller frees *OUT.
 * ERR_APPSPEC: empty, or longer than 4096 bytes. */
int path_canonical(const char *prefix, const char *text, char **out, struct err *err);

/* The last component of TEXT as Ruby's File.basename tells it ("a" of "web/./a/"), borrowed; its length in *LEN. */
const char *path_basename(const char *text, size_t *len);
