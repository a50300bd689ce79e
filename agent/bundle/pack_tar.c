/* bundle/pack_tar.c - a tar of pax format by libarchive, as it is or in gzip or zstd. */
#include "bundle/entry_guard.h"
#include "bundle/pack_write.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>

enum { TAR_RECORD = 10240, READ_SIZE = 128 * 1024 };

struct tar_writer {
	const struct pack_list *list;
	int fd;
	struct archive *archive;
	struct archive_entry *entry;
	char *block;
	locale_t utf8, before;
	struct err write_err;
	bool given_up; /* what libarchive still has to say is not wanted */
};

static void writer_done(struct tar_writer *w)
{
	w->given_up = true;
	if (w->archive)
		(void)archive_write_free(w->archive); /* completes the archive, or would */
	archive_entry_free(w->entry);
	free(w->block);
	if (w->utf8) {
		(void)uselocale(w->before); /* was in use before */
		freelocale(w->utf8);
	}
}

static la_ssize_t on_write(struct archive *a, void *context, const void *bytes, size_t len)
{
	struct tar_writer *w = context;

	if (w->given_up) {
		archive_set_error(a, ECANCELED, "given up");
		return -1;
	}
	if (fs_write(w->fd, bytes, len) == 0)
		return (la_ssize_t)len;
	(void)err_sys(&w->write_err, "writing the bundle");
	archive_set_error(a, w->write_err.sys, "%s", w->write_err.msg);
	return -1;
}

static int failed(const struct tar_writer *w, struct err *err)
{
	if (w->write_err.kind) {
		*err = w->write_err;
		return -1;
	}
	return err_set(err, ERR_SYS, "packing: %s", archive_error_string(w->archive));
}

static int set_filter(struct archive *a, enum pack_type type)
{
	if (type == PACK_TAR_ZST)
		return archive_write_add_filter_zstd(a);
	if (type == PACK_TAR)
		return ARCHIVE_OK;

	int r = archive_write_add_filter_gzip(a);

	return r == ARCHIVE_OK ? archive_write_set_filter_option(a, "gzip", "timestamp", NULL) : r;
}

static int set_up(struct tar_writer *w, struct err *err)
{
	/* Names that are UTF-8 are written as such, all others as the bytes they are. */
	w->utf8 = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0);
	if (!w->utf8)
		return err_sys(err, "setting the locale");
	w->before = uselocale(w->utf8);
	w->block = xmalloc(READ_SIZE);
	w->entry = archive_entry_new();
	w->archive = archive_write_new();
	if (!w->archive || !w->entry || archive_write_set_format_pax_restricted(w->archive) != ARCHIVE_OK ||
	    set_filter(w->archive, w->list->options->type) != ARCHIVE_OK ||
	    archive_write_set_bytes_per_block(w->archive, TAR_RECORD) != ARCHIVE_OK ||
	    archive_write_set_bytes_in_last_block(w->archive, 1) != ARCHIVE_OK)
		return err_set(err, ERR_SYS, "setting up libarchive");
	return archive_write_open(w->archive, w, NULL, on_write, NULL) == ARCHIVE_OK ? 0 : failed(w, err);
}

static void describe(struct archive_entry *to, const struct pack_item *item)
{
	static const mode_t types[] = {
		[TREE_DIRECTORY] = S_IFDIR, [TREE_FILE] = S_IFREG, [TREE_LINK] = S_IFLNK, [TREE_OTHER] = 0
	};

	archive_entry_clear(to);
	archive_entry_copy_pathname(to, item->path);
	archive_entry_set_filetype(to, types[item->entry->type]);
	archive_entry_set_perm(to, item->entry->mode);
	archive_entry_set_mtime(to, item->mtime_s, 0);
	archive_entry_set_size(to, item->entry->type == TREE_FILE ? item->entry->size : 0);
	if (item->entry->type == TREE_LINK)
		archive_entry_copy_symlink(to, item->text);
}

static int write_content(struct tar_writer *w, const struct pack_item *item, int fd, struct err *err)
{
	ssize_t n;

	while ((n = pack_item_read(w->list, item, fd, w->block, READ_SIZE, err)) > 0)
		if (archive_write_data(w->archive, w->block, (size_t)n) < 0)
			return failed(w, err);
	return n < 0 ? -1 : pack_item_check(item, fd, err);
}

static int write_item(struct tar_writer *w, const struct pack_item *item, struct err *err)
{
	AUTO_FD int fd = -1;

	if (item->entry->type == TREE_FILE) {
		fd = pack_item_open(w->list, item, err);
		if (fd < 0)
			return -1;
	}
	describe(w->entry, item);

	int r = archive_write_header(w->archive, w->entry);

	if (r != ARCHIVE_OK && r != ARCHIVE_WARN) /* it warns of names that are not UTF-8 */
		return failed(w, err);
	return fd < 0 ? 0 : write_content(w, item, fd, err);
}

int pack_write_tar(const struct pack_list *list, int fd, struct err *err)
{
	AUTO(writer_done) struct tar_writer w = { .list = list, .fd = fd };

	if (set_up(&w, err) < 0)
		return -1;
	for (size_t i = 0; i < list->count; i++)
		if (write_item(&w, &list->items[i], err) < 0)
			return -1;
	return archive_write_close(w.archive) == ARCHIVE_OK ? 0 : failed(&w, err);
}
