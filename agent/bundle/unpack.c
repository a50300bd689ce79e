/* bundle/unpack.c - aside first, then stripped of a leading folder, then renamed to its place. */
#include "bundle/unpack.h"

#include "bundle/copy_folder.h"
#include "bundle/entry_guard.h"
#include "bundle/unpack_channel.h"
#include "bundle/unpack_reader.h"
#include "bundle/unpack_writer.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

void unpack_report_done(struct unpack_report *report)
{
	warnings_done(&report->warnings);
}

static void dir_closep(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir); /* was only read */
}

static void writer_freep(struct unpack_writer **w)
{
	unpack_writer_free(*w);
}

/* Both folders gone, and the temporary one anew: its descriptor. */
static int begin(int dir_fd, struct err *err)
{
	if (fs_remove_tree(dir_fd, UNPACK_TEMP_FOLDER, err) < 0 || fs_remove_tree(dir_fd, UNPACK_FOLDER, err) < 0)
		return -1;
	if (fs_mkdir(dir_fd, UNPACK_TEMP_FOLDER, 0755) < 0)
		return err_sys(err, "making folder '" UNPACK_TEMP_FOLDER "'");

	int fd = fs_open_beneath(dir_fd, UNPACK_TEMP_FOLDER, O_RDONLY | O_DIRECTORY, 0);

	return fd < 0 ? err_sys(err, "opening folder '" UNPACK_TEMP_FOLDER "'") : fd;
}

/* After a failure: neither folder stays. */
static void clean_up(int dir_fd)
{
	struct err ignored = ERR_INIT; /* the first error is the one to tell */

	(void)fs_remove_tree(dir_fd, UNPACK_TEMP_FOLDER, &ignored);
	(void)fs_remove_tree(dir_fd, UNPACK_FOLDER, &ignored);
}

static DIR *list(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		auto_closep(&fd);
	return dir;
}

static const char *next_name(DIR *dir)
{
	const struct dirent *e;

	do
		e = readdir(dir);
	while (e && (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")));
	return e ? e->d_name : NULL;
}

/* The single leading folder that is to go: 1 and its NAME; 0: there is none (section 6.3). */
static int find_leading_folder(int root_fd, char name[NAME_MAX + 1], struct err *err)
{
	AUTO(dir_closep) DIR *root = list(root_fd, ".");
	const char *first = root ? next_name(root) : NULL;

	if (!root)
		return err_sys(err, "listing the unpacked bundle");
	if (!first)
		return 0;
	memcpy(name, first, strlen(first) + 1);
	if (next_name(root))
		return 0;

	AUTO(dir_closep) DIR *dir = list(root_fd, name);

	if (!dir) /* not a folder, or a link to one */
		return errno == ENOTDIR || errno == ELOOP ? 0 : err_sys(err, "listing the unpacked bundle");
	for (const char *inner = next_name(dir); inner; inner = next_name(dir))
		if (strcasestr(inner, "appspec"))
			return 1;
	return 0;
}

/* The folder NAME of the temporary one becomes the deployment's; its attributes come after the move, which a folder
 * that may not be written would forbid. */
static int move_up(int dir_fd, int root_fd, const char *name, struct folder_list *folders, struct err *err)
{
	AUTO_FD int fd = fs_open_beneath(root_fd, name, O_RDONLY | O_DIRECTORY, 0);

	if (fd < 0 || fs_rename(root_fd, name, dir_fd, UNPACK_FOLDER) < 0 || fs_rmdir(dir_fd, UNPACK_TEMP_FOLDER) < 0)
		return err_sys(err, "moving the leading folder '%s' up", guard_shown(name, strlen(name)).text);

	const struct attributes *a = folder_list_find(folders, name);

	if (a && attributes_apply(fd, a, NULL) < 0)
		return err_sys(err, "setting mode, owner and time of '" UNPACK_FOLDER "'");
	return 0;
}

static int take_place(int dir_fd, struct err *err)
{
	if (fs_rename(dir_fd, UNPACK_TEMP_FOLDER, dir_fd, UNPACK_FOLDER) < 0)
		return err_sys(err, "renaming '" UNPACK_TEMP_FOLDER "'");
	return 0;
}

/* All members are written: strip, set what waited, rename. */
static int finish_archive(int dir_fd, int root_fd, const struct unpack_options *options, struct folder_list *folders,
			  struct unpack_findings *findings, struct unpack_report *report, struct err *err)
{
	char leading[NAME_MAX + 1];
	int strip = find_leading_folder(root_fd, leading, err);

	if (strip < 0)
		return -1;
	warnings_move(&report->warnings, &findings->outside);
	if (strip && findings->outside_if_stripped.count) {
		if (options->refuse_outside_links)
			return err_set(err, ERR_BUNDLE, "%s, which 'refuse_outside_links' forbids",
				       findings->outside_if_stripped.items[0]);
		warnings_move(&report->warnings, &findings->outside_if_stripped);
	}
	if (folder_list_apply(folders, root_fd, strip ? leading : NULL, err) < 0)
		return -1;
	return strip ? move_up(dir_fd, root_fd, leading, folders, err) : take_place(dir_fd, err);
}

static int unpack_into(const char *path, int dir_fd, int root_fd, const struct unpack_options *options,
		       struct digest_index *ix, struct unpack_report *report, struct err *err)
{
	AUTO(unpack_findings_done) struct unpack_findings findings = { 0 };
	AUTO(warnings_done) struct warnings of_writer = { 0 };
	AUTO(writer_freep) struct unpack_writer *writer = unpack_writer_new(root_fd, options->threads, ix, &of_writer);
	struct channel *channel;

	if (channel_open(writer, options->threads, &channel, err) < 0)
		return -1;

	int read = unpack_read(path, options, channel, report, &findings, err);

	if (channel_finish(channel, read == 0, err) < 0 || read < 0)
		return -1;
	warnings_move(&report->warnings, &of_writer);
	return finish_archive(dir_fd, root_fd, options, unpack_writer_folders(writer), &findings, report, err);
}

int unpack_archive(const char *path, int dir_fd, const struct unpack_options *options, struct digest_index *ix,
		   struct unpack_report *report, struct err *err)
{
	AUTO(unpack_report_done) struct unpack_report found = { 0 };
	AUTO_FD int root_fd = begin(dir_fd, err);

	if (root_fd < 0 || unpack_into(path, dir_fd, root_fd, options, ix, &found, err) < 0) {
		clean_up(dir_fd);
		return err_add(err, "bundle '%s'", path);
	}
	*report = found;
	found = (struct unpack_report){ 0 };
	return 0;
}

static int copy_into(int from_fd, int dir_fd, const struct unpack_options *options, struct digest_index *ix,
		     struct unpack_report *report, struct err *err)
{
	AUTO_FD int root_fd = begin(dir_fd, err);

	if (root_fd < 0 || copy_folder(from_fd, root_fd, dir_fd, options, ix, report, err) < 0)
		return -1;
	return take_place(dir_fd, err);
}

int unpack_folder(const char *path, int dir_fd, const struct unpack_options *options, struct digest_index *ix,
		  struct unpack_report *report, struct err *err)
{
	AUTO(unpack_report_done) struct unpack_report found = { 0 };
	AUTO_FD int from_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (from_fd < 0) {
		err_sys(err, "opening bundle '%s'", path);
		err->kind = ERR_SOURCE;
		return -1;
	}
	if (copy_into(from_fd, dir_fd, options, ix, &found, err) < 0) {
		clean_up(dir_fd);
		return err_add(err, "bundle '%s'", path);
	}
	*report = found;
	found = (struct unpack_report){ 0 };
	return 0;
}
