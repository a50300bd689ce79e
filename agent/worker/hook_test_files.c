/* worker/hook_test_files.c - see hook_test_files.h. */
#include "worker/hook_test_files.h"

#include "util/auto.h"
#include "util/str.h"

#include <fts.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_FILES 10000

static void fts_donep(FTS **tree)
{
	if (*tree)
		(void)fts_close(*tree); /* was only read */
}

void hook_test_files_done(struct hook_test_files *f)
{
	for (size_t i = 0; i < f->count; i++)
		free(f->items[i]);
	free(f->items);
}

static int add(struct hook_test_files *f, const char *path, struct err *err)
{
	if (f->count == MAX_FILES)
		return err_set(err, ERR_USAGE, "more than %d files of tests", MAX_FILES);
	if (f->count == f->capacity) {
		f->capacity = f->capacity ? 2 * f->capacity : 16;
		f->items = xrealloc(f->items, f->capacity * sizeof(*f->items));
	}
	f->items[f->count++] = xstrdup(path);
	return 0;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static int add_folder(struct hook_test_files *f, char *path, struct err *err)
{
	char *const roots[] = { path, NULL };
	AUTO(fts_donep) FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
	FTSENT *e;

	if (!tree)
		return err_sys(err, "reading '%s'", path);
	for (errno = 0; (e = fts_read(tree)); errno = 0) {
		if (e->fts_level > 0 && *e->fts_name == '.')
			(void)fts_set(tree, e, FTS_SKIP); /* cannot fail for this instruction */
		else if (e->fts_info == FTS_F && str_ends(e->fts_name, "_test.lua") && add(f, e->fts_path, err) < 0)
			return -1;
		else if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR)
			return errno = e->fts_errno, err_sys(err, "reading '%s'", e->fts_path);
	}
	return errno ? err_sys(err, "reading '%s'", path) : 0;
}

int hook_test_files_add(struct hook_test_files *f, const char *path, struct err *err)
{
	AUTO_FREE char *real = realpath(path, NULL);
	const size_t before = f->count;
	struct stat st;

	if (!real || stat(real, &st) < 0)
		return err_sys(err, "'%s'", path);
	if (!S_ISDIR(st.st_mode))
		return add(f, real, err);
	if (add_folder(f, real, err) < 0)
		return -1;
	return f->count > before ? 0 : err_set(err, ERR_USAGE, "there is no file *_test.lua below '%s'", path);
}
