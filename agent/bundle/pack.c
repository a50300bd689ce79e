/* bundle/pack.c - list, write aside, flush, rename. */
#include "bundle/pack.h"

#include "bundle/block_reader.h"
#include "bundle/pack_list.h"
#include "bundle/pack_write.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>

static int (*const writers[])(const struct pack_list *list, int fd, struct err *err) = {
	[PACK_TGZ] = pack_write_tar,
	[PACK_TAR] = pack_write_tar,
	[PACK_TAR_ZST] = pack_write_tar,
	[PACK_ZIP] = pack_write_zip,
};

void pack_report_done(struct pack_report *report)
{
	warnings_done(&report->warnings);
}

struct aside { /* the bundle while it is made */
	int dir_fd, fd;
	char *name; /* NULL: it is not there (any more) */
};

static void aside_done(struct aside *a)
{
	if (a->name)
		(void)fs_unlink(a->dir_fd, a->name); /* the first error is the one to tell */
	free(a->name);
	auto_closep(&a->fd);
	auto_closep(&a->dir_fd);
}

/* NAME is where in the folder the bundle will lie. */
static int aside_open(const char *output, char name[NAME_MAX + 1], struct aside *a, struct err *err)
{
	AUTO_FREE char *one = xstrdup(output);
	AUTO_FREE char *two = xstrdup(output);
	const char *base = basename(one);
	struct stat st;

	if (strlen(base) > NAME_MAX || !strcmp(base, "/") || !strcmp(base, ".") || !strcmp(base, ".."))
		return err_set(err, ERR_USAGE, "'%s' is no name for a file", output);
	memcpy(name, base, strlen(base) + 1);
	a->dir_fd = fs_open_dir(dirname(two), err);
	if (a->dir_fd < 0)
		return -1;
	if (fstatat(a->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode))
		return err_set(err, ERR_USAGE, "'%s' is there and is no file: name another one", output);
	return 0;
}

static int aside_create(struct aside *a, mode_t mode, struct err *err)
{
	AUTO_FREE char *name = xasprintf(".slipway-bundle.%ld.new", (long)getpid());

	(void)fs_unlink(a->dir_fd, name); /* of a process long gone that had our number */
	a->fd = fs_create(a->dir_fd, name, O_RDWR, mode);
	if (a->fd < 0)
		return err_sys(err, "making a file beside the bundle");
	a->name = TAKE_PTR(name);
	return 0;
}

static int measure(int fd, struct pack_report *report, struct err *err)
{
	const unsigned char *bytes;
	size_t len;
	int found;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, "reading the bundle");

	struct block_reader *reader = block_reader_new(fd, false);

	while ((found = block_reader_next(reader, &bytes, &len, err)) > 0)
		report->size += len;
	if (found == 0)
		block_reader_digest(reader, report->digest);
	block_reader_free(reader);
	return found;
}

static int aside_finish(struct aside *a, const char *name, struct err *err)
{
	if (fs_fsync(a->fd) < 0 || fs_rename(a->dir_fd, a->name, a->dir_fd, name) < 0)
		return err_sys(err, "putting the bundle into its place");
	free(TAKE_PTR(a->name));
	return 0;
}

static int pack(int dir_fd, const char *output, const struct pack_options *options, struct pack_report *report,
		struct err *err)
{
	AUTO(aside_done) struct aside aside = { .dir_fd = -1, .fd = -1 };
	AUTO(pack_list_done) struct pack_list list = { .dir_fd = -1 };
	char name[NAME_MAX + 1];

	if (aside_open(output, name, &aside, err) < 0)
		return -1;

	const struct pack_except except = { aside.dir_fd, name };

	if (pack_list_make(dir_fd, &except, options, &list, report, err) < 0 ||
	    aside_create(&aside, options->mode, err) < 0 || writers[options->type](&list, aside.fd, err) < 0 ||
	    measure(aside.fd, report, err) < 0)
		return -1;
	return aside_finish(&aside, name, err);
}

int pack_folder(const char *folder, const char *output, const struct pack_options *options, struct pack_report *report,
		struct err *err)
{
	AUTO(pack_report_done) struct pack_report made = { 0 };
	AUTO_FD int dir_fd = fs_open_dir(folder, err);

	if (dir_fd < 0) {
		err->kind = ERR_SOURCE;
		return -1;
	}
	if (pack(dir_fd, output, options, &made, err) < 0)
		return -1;
	*report = made;
	made = (struct pack_report){ 0 };
	return 0;
}
