/* cli/plan_diff.h - what changes in a file, as diff(1) tells it. */
#pragma once

#include "util/err.h"

/* `diff -u` of the file OLD (absolute) and NEW under NEW_FD, fit for a terminal, at most 1 MiB; the caller frees *OUT.
 * "" when their content is the same; binary files are only said to differ. ERR_NOT_READY: there is no diff(1). */
int plan_diff(const char *old, int new_fd, const char *new_name, char **out, struct err *err);
