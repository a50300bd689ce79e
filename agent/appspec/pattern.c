/* appspec/pattern.c - see pattern.h. */
#include "appspec/pattern.h"

#include <string.h>

/* Goes back to the last '*' only: enough when there is nothing but '*', and never exponential. */
static bool glob(const char *pattern, const char *name)
{
	const char *star = NULL, *resume = NULL;

	while (*name) {
		if (*pattern == '*') {
			star = ++pattern;
			resume = name;
		} else if (*pattern == *name) {
			pattern++;
			name++;
		} else if (star) {
			pattern = star;
			name = ++resume;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

bool pattern_excepts(const char *pattern, const char *name)
{
	return !strchr(name, '/') && glob(pattern, name);
}

bool pattern_matches(const char *pattern, const char *name)
{
	return !strcmp(pattern, "**") || pattern_excepts(pattern, name);
}
