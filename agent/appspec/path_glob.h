/* appspec/path_glob.h - which destinations a rule of 'slipway: overwrite' speaks of. Pure.
 *
 * A pattern is an absolute path whose components are matched one by one by fnmatch(3): "*" any run of bytes, "?" one
 * byte, "[a-z]" and "[!a-z]" one of a set, "\" takes the special meaning away; a dot at the beginning is a byte like
 * any other, and no sign ever matches a slash. A component that is "**" and nothing else stands for any number of
 * folders, none included; at the end for everything below, at any depth. Source: gitignore(5), "PATTERN FORMAT".
 */
#pragma once

#include "util/err.h"

#include <stdbool.h>

#define PATH_GLOB_MAX 4096 /* bytes */

/* ERR_APPSPEC: PATTERN is relative, too long, or has a component that no path has ("." or ".."). */
int path_glob_check(const char *pattern, struct err *err);
/* Does the whole of PATH (absolute, canonical) match? PATTERN has passed path_glob_check(). */
bool path_glob_matches(const char *pattern, const char *path);
