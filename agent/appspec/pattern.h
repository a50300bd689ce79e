/* appspec/pattern.h - the patterns of 'permissions' (spec/codedeploy-agent.md section 5.8).
 *
 * NAME is the path below the object, without a slash at its start. "**" as a 'pattern' matches everything at any depth;
 * every other one, and "**" as an 'except', matches direct children only. '*' stands for any run of characters, every
 * other character for itself.
 */
#pragma once

#include <stdbool.h>

bool pattern_matches(const char *pattern, const char *name);
bool pattern_excepts(const char *pattern, const char *name);
