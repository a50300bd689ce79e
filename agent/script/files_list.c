/* script/files_list.c - names in a folder, and names that fit a pattern.
 *
 * glob(3) knows no limit and no deadline; so the walk is here, and fnmatch(3) does the matching.
 */
#include "script/files.h"

#include "util/auto.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_NAMES  100000
#define MAX_LOOKED 1000000 /* entries of folders, while a pattern is matched */

void files_names_done(struct files_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->items[i]);
	free(names->items);
	*names = (struct files_names){ 0 };
}

static int add_name(struct files_names *names, char *name, const char *where, struct err *err)
{
	AUTO_FREE char *owned = name;

	if (names->count == MAX_NAMES)
		return err_set(err, ERR_STATE, "'%s': more than %d names", where, MAX_NAMES);
	if (names->count == names->capacity) {
		names->capacity = names->capacity ? names->capacity * 2 : 64;
		names->items = xrealloc(names->items, names->capacity * sizeof(*names->items));
	}
	names->items[names->count++] = TAKE_PTR(owned);
	return 0;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_names(struct files_names *names)
{
	if (names->count)
		qsort(names->items, names->count, sizeof(*names->items), by_bytes);
}

static bool is_dots(const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..");
}

int files_list(const char *path, struct files_names *out, struct err *err)
{
	AUTO_DIR DIR *dir = opendir(path);

	if (!dir)
		return err_sys(err, "listing '%s'", path);
	for (;;) {
		errno = 0;
		const struct dirent *e = readdir(dir);

		if (!e)
			break;
		if (!is_dots(e->d_name) && add_name(out, xstrdup(e->d_name), path, err) < 0)
			return -1;
	}
	if (errno)
		return err_sys(err, "listing '%s'", path);
	sort_names(out);
	return 0;
}

struct walk {
	const char *pattern; /* all of it, for messages */
	const struct files_patience *patience;
	struct files_names *out;
	size_t looked;
	struct err *err;
};

static int walk_on(struct walk *w, const char *folder, const char *rest);

/* FOLDER ends in a slash. REST begins behind the component that NAME fits. */
static int take_name(struct walk *w, const char *folder, const char *name, const char *rest)
{
	AUTO_FREE char *path = xasprintf("%s%s%s", folder, name, *rest ? "/" : "");
	struct stat st;

	if (fstatat(AT_FDCWD, path, &st, *rest ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (!*rest)
		return add_name(w->out, TAKE_PTR(path), w->pattern, w->err);
	if (!S_ISDIR(st.st_mode))
		return 0;
	rest += strspn(rest, "/");
	return *rest ? walk_on(w, path, rest) : add_name(w->out, TAKE_PTR(path), w->pattern, w->err);
}

static int match_folder(struct walk *w, const char *folder, const char *component, const char *rest)
{
	AUTO_DIR DIR *dir = opendir(folder);
	const struct dirent *e;

	while (dir && (e = readdir(dir))) {
		if (++w->looked > MAX_LOOKED)
			return err_set(w->err, ERR_STATE, "'%s': more than %d names to look at", w->pattern,
				       MAX_LOOKED);
		if (w->patience->give_up(w->patience->context))
			return err_set(w->err, ERR_STOPPED, "'%s': the script's time is over", w->pattern);
		if (!is_dots(e->d_name) && fnmatch(component, e->d_name, FNM_PERIOD) == 0 &&
		    take_name(w, folder, e->d_name, rest) < 0)
			return -1;
	}
	return 0;
}

/* Find what fits REST below FOLDER. */
static int walk_on(struct walk *w, const char *folder, const char *rest)
{
	size_t n = strcspn(rest, "/");
	AUTO_FREE char *component = xstrndup(rest, n);

	if (strpbrk(component, "*?[\\"))
		return match_folder(w, folder, component, rest + n);
	return take_name(w, folder, component, rest + n);
}

int files_glob(const char *pattern, const struct files_patience *p, struct files_names *out, struct err *err)
{
	struct walk w = { .pattern = pattern, .patience = p, .out = out, .err = err };
	const char *rest = pattern + strspn(pattern, "/");

	if (strlen(pattern) >= PATH_MAX)
		return err_set(err, ERR_STATE, "a pattern of more than %d bytes", PATH_MAX);
	if ((*rest ? walk_on(&w, "/", rest) : add_name(out, xstrdup("/"), pattern, err)) < 0)
		return -1;
	sort_names(out);
	return 0;
}
