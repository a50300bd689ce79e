/* bundle/pack_zip.c - a zip by libzip: sizes and checksums before each member, as every reader likes it. */
#include "bundle/entry_guard.h"
#include "bundle/pack_write.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <endian.h>
#include <string.h>
#include <time.h>
#include <zip.h>

enum { UNIX_TIMES = 0x5455 }; /* extra field "UT": a byte of flags, bit 0: a modification time follows, 4 bytes */

struct zip_writer {
	const struct pack_list *list;
	int fd;
	int64_t at, size;
	zip_t *archive;
	zip_error_t error;
	struct err err; /* the first one of our own; libzip's words for it are poorer */
	struct zip_content *contents;
};

struct zip_content { /* of a file, which libzip reads when its turn comes */
	struct zip_writer *writer;
	const struct pack_item *item;
	int fd;
};

static void writer_done(struct zip_writer *w)
{
	if (w->archive)
		zip_discard(w->archive);
	zip_error_fini(&w->error);
	free(w->contents);
}

static zip_int64_t refuse(struct zip_writer *w, int code)
{
	zip_error_set(&w->error, code, w->err.sys);
	return -1;
}

static zip_int64_t content_open(struct zip_content *c)
{
	c->fd = pack_item_open(c->writer->list, c->item, &c->writer->err);
	return c->fd < 0 ? refuse(c->writer, ZIP_ER_OPEN) : 0;
}

static zip_int64_t content_read(struct zip_content *c, void *data, zip_uint64_t len)
{
	ssize_t n = pack_item_read(c->writer->list, c->item, c->fd, data, len, &c->writer->err);

	if (n < 0 || (n == 0 && pack_item_check(c->item, c->fd, &c->writer->err) < 0))
		return refuse(c->writer, ZIP_ER_READ);
	return n;
}

static zip_int64_t content_stat(const struct zip_content *c, zip_stat_t *st)
{
	zip_stat_init(st);
	st->size = (zip_uint64_t)c->item->entry->size;
	st->valid = ZIP_STAT_SIZE;
	return sizeof(*st);
}

static zip_int64_t on_content(void *context, void *data, zip_uint64_t len, zip_source_cmd_t command)
{
	struct zip_content *c = context;

	switch (command) {
	case ZIP_SOURCE_OPEN:
		return content_open(c);
	case ZIP_SOURCE_READ:
		return content_read(c, data, len);
	case ZIP_SOURCE_CLOSE:
		auto_closep(&c->fd);
		c->fd = -1;
		return 0;
	case ZIP_SOURCE_STAT:
		return content_stat(c, data);
	case ZIP_SOURCE_ERROR:
		return zip_error_to_data(&c->writer->error, data, len);
	case ZIP_SOURCE_FREE:
		return 0;
	case ZIP_SOURCE_SUPPORTS:
		return ZIP_SOURCE_SUPPORTS_READABLE;
	default:
		return refuse(c->writer, ZIP_ER_OPNOTSUPP);
	}
}

static zip_int64_t archive_write(struct zip_writer *w, const void *data, zip_uint64_t len)
{
	if (fs_pwrite(w->fd, data, len, w->at) < 0) {
		(void)err_sys(&w->err, "writing the bundle");
		return refuse(w, ZIP_ER_WRITE);
	}
	w->at += (int64_t)len;
	w->size = w->at > w->size ? w->at : w->size;
	return (zip_int64_t)len;
}

static zip_int64_t archive_seek(struct zip_writer *w, void *data, zip_uint64_t len)
{
	zip_int64_t at = zip_source_seek_compute_offset((zip_uint64_t)w->at, (zip_uint64_t)w->size, data, len,
							&w->error);

	if (at < 0)
		return -1;
	w->at = at;
	return 0;
}

/* The file that becomes the archive: empty at first, and never read. */
static zip_int64_t on_archive(void *context, void *data, zip_uint64_t len, zip_source_cmd_t command)
{
	struct zip_writer *w = context;

	switch (command) {
	case ZIP_SOURCE_WRITE:
		return archive_write(w, data, len);
	case ZIP_SOURCE_SEEK_WRITE:
		return archive_seek(w, data, len);
	case ZIP_SOURCE_TELL_WRITE:
		return w->at;
	case ZIP_SOURCE_STAT:
		zip_stat_init(data);
		((zip_stat_t *)data)->size = 0;
		((zip_stat_t *)data)->valid = ZIP_STAT_SIZE;
		return sizeof(zip_stat_t);
	case ZIP_SOURCE_ERROR:
		return zip_error_to_data(&w->error, data, len);
	case ZIP_SOURCE_SUPPORTS:
		return ZIP_SOURCE_SUPPORTS_WRITABLE;
	case ZIP_SOURCE_OPEN:
	case ZIP_SOURCE_CLOSE:
	case ZIP_SOURCE_FREE:
	case ZIP_SOURCE_BEGIN_WRITE:
	case ZIP_SOURCE_COMMIT_WRITE:
	case ZIP_SOURCE_ROLLBACK_WRITE:
	case ZIP_SOURCE_REMOVE:
		return 0;
	default:
		return refuse(w, ZIP_ER_OPNOTSUPP);
	}
}

static int failed(struct zip_writer *w, zip_error_t *e, struct err *err)
{
	if (w->err.kind) {
		*err = w->err;
		return -1;
	}
	return err_set(err, ERR_SYS, "packing: %s", zip_error_strerror(e));
}

/* What DOS knows of UTC: two seconds exactly, from 1980 to 2107. */
static void dos_time(int64_t seconds, zip_uint16_t *date, zip_uint16_t *time)
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || tm.tm_year < 80 || tm.tm_year > 207)
		tm = (struct tm){ .tm_year = 80, .tm_mday = 1 };
	*date = (zip_uint16_t)((tm.tm_year - 80) << 9 | (tm.tm_mon + 1) << 5 | tm.tm_mday);
	*time = (zip_uint16_t)(tm.tm_hour << 11 | tm.tm_min << 5 | tm.tm_sec / 2);
}

static int set_time(struct zip_writer *w, zip_uint64_t index, int64_t seconds)
{
	zip_uint8_t field[5] = { 1 };
	uint32_t low = htole32((uint32_t)seconds);
	zip_uint16_t date, time;

	dos_time(seconds, &date, &time);
	if (zip_file_set_dostime(w->archive, index, time, date, 0) < 0)
		return -1;
	if (seconds < INT32_MIN || seconds > INT32_MAX)
		return 0; /* DOS alone must do */
	memcpy(field + 1, &low, sizeof(low));
	return zip_file_extra_field_set(w->archive, index, UNIX_TIMES, ZIP_EXTRA_FIELD_NEW, field, sizeof(field),
					ZIP_FL_LOCAL | ZIP_FL_CENTRAL);
}

static zip_int64_t add_source(struct zip_writer *w, const char *path, zip_source_t *source)
{
	zip_int64_t index = source ? zip_file_add(w->archive, path, source, ZIP_FL_ENC_UTF_8) : -1;

	if (index < 0)
		zip_source_free(source);
	return index;
}

static zip_int64_t add_item(struct zip_writer *w, const struct pack_item *item, struct zip_content *content)
{
	if (item->entry->type == TREE_DIRECTORY)
		return zip_dir_add(w->archive, item->path, ZIP_FL_ENC_UTF_8);
	if (item->entry->type == TREE_LINK)
		return add_source(w, item->path, zip_source_buffer(w->archive, item->text, strlen(item->text), 0));
	*content = (struct zip_content){ w, item, -1 };
	return add_source(w, item->path, zip_source_function(w->archive, on_content, content));
}

static int add(struct zip_writer *w, size_t i, struct err *err)
{
	static const mode_t types[] = {
		[TREE_DIRECTORY] = S_IFDIR, [TREE_FILE] = S_IFREG, [TREE_LINK] = S_IFLNK, [TREE_OTHER] = 0
	};
	const struct pack_item *item = &w->list->items[i];
	zip_int64_t index = add_item(w, item, &w->contents[i]);
	mode_t mode = types[item->entry->type] | (item->entry->mode & 0777);
	zip_uint32_t attributes = (zip_uint32_t)mode << 16 | (item->entry->type == TREE_DIRECTORY ? 0x10 : 0);

	if (index < 0 || set_time(w, (zip_uint64_t)index, item->mtime_s) < 0 ||
	    zip_file_set_external_attributes(w->archive, (zip_uint64_t)index, 0, ZIP_OPSYS_UNIX, attributes) < 0 ||
	    zip_set_file_compression(w->archive, (zip_uint64_t)index,
				     item->entry->type == TREE_FILE ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0) < 0)
		return failed(w, zip_get_error(w->archive), err);
	return 0;
}

int pack_write_zip(const struct pack_list *list, int fd, struct err *err)
{
	AUTO(writer_done) struct zip_writer w = { .list = list, .fd = fd };
	zip_error_t why;

	zip_error_init(&w.error);
	zip_error_init(&why);

	zip_source_t *source = zip_source_function_create(on_archive, &w, &why);

	w.archive = source ? zip_open_from_source(source, ZIP_CREATE | ZIP_TRUNCATE, &why) : NULL;
	if (!w.archive) {
		zip_source_free(source);
		return failed(&w, &why, err);
	}
	w.contents = xcalloc(list->count + 1, sizeof(*w.contents));
	for (size_t i = 0; i < list->count; i++)
		if (add(&w, i, err) < 0)
			return -1;
	if (zip_close(w.archive) < 0)
		return failed(&w, zip_get_error(w.archive), err);
	w.archive = NULL; /* closing has freed it */
	return 0;
}
