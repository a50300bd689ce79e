/* appspec/pattern.c - names against patterns, destinations as canonical text. */
#include "appspec/pattern.h"

#include "util/str.h"

#include <limits.h>
#include <string.h>

bool pattern_matches(const char *pattern, const char *name)
{
	const char *star = NULL, *resume = NULL;

	while (*name) {
		if (*pattern == '*') {
			star = pattern++;
			resume = name;
		} else if (*pattern == *name) {
			pattern++;
			name++;
		} else if (star) {
			pattern = star + 1;
			name = ++resume;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

int path_canonical(const char *prefix, const char *text, char **out, struct err *err)
{
	struct str path = STR_INIT(PATH_MAX - 1);
	size_t floor;

	if (!text[strspn(text, " \t\r\n")])
		return err_set(err, ERR_APPSPEC,
			       "a destination is empty; give the folder that the files are to go into");
	if (str_add(&path, prefix) < 0)
		goto too_long;
	while (path.len && path.data[path.len - 1] == '/')
		path.data[--path.len] = '\0';
	floor = path.len; /* `..` never leads above the prefix, as it never leads above the root */
	for (const char *p = text; *p;) {
		size_t n = strcspn(p, "/");

		if (n == 2 && !memcmp(p, "..", 2)) {
			while (path.len > floor && path.data[--path.len] != '/')
				;
			if (path.data)
				path.data[path.len] = '\0';
		} else if (n && !(n == 1 && *p == '.')) {
			if (str_add(&path, "/") < 0 || str_append(&path, p, n) < 0)
				goto too_long;
		}
		p += n;
		p += strspn(p, "/");
	}
	if (!path.len && str_add(&path, "/") < 0)
		goto too_long;
	*out = str_take(&path);
	return 0;
too_long:
	str_done(&path);
	return err_set(err, ERR_APPSPEC, "destination '%.200s...' is longer than %d bytes", text, PATH_MAX - 1);
}

const char *path_basename(const char *text, size_t *len)
{
	size_t end = strlen(text);

	while (end > 1 && text[end - 1] == '/')
		end--;

	size_t start = end;

	while (start > 0 && text[start - 1] != '/')
		start--;
	*len = end - start;
	return text + start;
}
