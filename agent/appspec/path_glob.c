/* appspec/path_glob.c - see path_glob.h. */
#include "appspec/path_glob.h"

#include <fnmatch.h>
#include <limits.h>
#include <string.h>

/* The first component at or behind *P goes to OUT, *P behind it. False: there is none left. */
static bool next_part(const char **p, char out[PATH_GLOB_MAX])
{
	*p += strspn(*p, "/");

	size_t n = strcspn(*p, "/");

	if (!n || n >= PATH_GLOB_MAX)
		return false;
	memcpy(out, *p, n);
	out[n] = '\0';
	*p += n;
	return true;
}

int path_glob_check(const char *pattern, struct err *err)
{
	char part[PATH_GLOB_MAX];

	if (pattern[0] != '/')
		return err_set(err, ERR_APPSPEC, "'%.200s' is no absolute path: begin it with '/', or with '/**/'",
			       pattern);
	if (strlen(pattern) >= PATH_GLOB_MAX)
		return err_set(err, ERR_APPSPEC, "'%.200s...' is longer than %d bytes", pattern, PATH_GLOB_MAX - 1);
	for (const char *p = pattern; next_part(&p, part);)
		if (!strcmp(part, ".") || !strcmp(part, ".."))
			return err_set(
				err, ERR_APPSPEC,
				"'%.200s' holds '%s', which no destination has by the time it is compared: leave "
				"it out",
				pattern, part);
	return 0;
}

/* As a name is matched against one star: whatever fails later, the last "**" takes one component more. */
bool path_glob_matches(const char *pattern, const char *path)
{
	const char *resume_pattern = NULL, *resume_path = NULL;
	char want[PATH_GLOB_MAX], have[PATH_GLOB_MAX];

	for (;;) {
		const char *behind_want = pattern, *behind_have = path;
		bool wanted = next_part(&behind_want, want), had = next_part(&behind_have, have);
		bool deep = wanted && !strcmp(want, "**");

		if (!wanted && !had)
			return true;
		if (deep && !behind_want[strspn(behind_want, "/")])
			return had; /* everything below, but not what it is below of */
		if (deep) {
			resume_pattern = behind_want;
			resume_path = path;
			pattern = behind_want;
		} else if (wanted && had && !fnmatch(want, have, 0)) {
			pattern = behind_want;
			path = behind_have;
		} else if (resume_path && next_part(&resume_path, have)) {
			pattern = resume_pattern;
			path = resume_path;
		} else {
			return false;
		}
	}
}
