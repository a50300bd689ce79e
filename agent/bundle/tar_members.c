/* bundle/tar_members.c - libarchive decodes tar, nothing else. */
#include "bundle/entry_guard.h"
#include "bundle/members.h"
#include "util/auto.h"
#include "util/str.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <string.h>

struct tar {
	struct bundle_stream *stream;
	const struct unpack_options *options;
	struct unpack_report *report;
	struct archive *archive;
	struct err stream_err; /* of the stream below libarchive */
	locale_t plain, before;
};

static void close_tar(void *state)
{
	struct tar *t = state;

	if (!t)
		return;
	if (t->archive)
		(void)archive_read_free(t->archive); /* nothing to be lost when reading */
	if (t->plain) {
		(void)uselocale(t->before); /* was in use before */
		freelocale(t->plain);
	}
	free(t);
}

static void close_tarp(struct tar **t)
{
	close_tar(*t);
}

/* The next bytes of the tar stream, not more than the ratio allows: empty space between members counts, too. */
static int next_bytes(struct tar *t, const void **bytes, size_t *len, struct err *err)
{
	int found = bundle_stream_next(t->stream, bytes, len, err);

	if (found <= 0)
		return found;
	if (guard_ratio(bundle_stream_unpacked(t->stream), bundle_stream_packed(t->stream), t->options->max_ratio,
			err) < 0 ||
	    members_stopped(t->options, err))
		return -1;
	return 1;
}

static la_ssize_t on_read(struct archive *a, void *context, const void **bytes)
{
	struct tar *t = context;
	size_t len = 0;
	int found = next_bytes(t, bytes, &len, &t->stream_err);

	if (found < 0)
		archive_set_error(a, EIO, "%s", t->stream_err.msg);
	return found < 0 ? -1 : (la_ssize_t)len;
}

/* ARCHIVE_RETRY lies between the two and is no success: the header is damaged, what comes next is a guess. */
static bool usable(int status)
{
	return status == ARCHIVE_OK || status == ARCHIVE_WARN;
}

/* libarchive has failed: by what came up from below, or by what it found itself. */
static int damaged(const struct tar *t, struct err *err)
{
	if (t->stream_err.kind) {
		*err = t->stream_err;
		return -1;
	}
	if (archive_format(t->archive) == 0)
		return err_set(err, ERR_BUNDLE,
			       "it holds no archive; supported are " BUNDLE_SUPPORTED
			       ": pack it again as one of these");
	return err_set(err, ERR_BUNDLE, "the archive is damaged or cut short (%s); fetch or pack it again",
		       archive_error_string(t->archive));
}

static int open_tar(struct bundle_stream *stream, const struct unpack_options *options, struct unpack_report *report,
		    void **out, struct err *err)
{
	AUTO(close_tarp) struct tar *t = xcalloc(1, sizeof(*t));

	t->stream = stream;
	t->options = options;
	t->report = report;
	/* In a UTF-8 locale libarchive would compose letters and accents of pax names; here bytes stay bytes. */
	t->plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	if (!t->plain)
		return err_sys(err, "setting the locale");
	t->before = uselocale(t->plain);
	t->archive = archive_read_new();
	if (!t->archive || archive_read_support_format_tar(t->archive) != ARCHIVE_OK)
		return err_set(err, ERR_SYS, "setting up libarchive");
	if (archive_read_open(t->archive, t, NULL, on_read, NULL) != ARCHIVE_OK)
		return damaged(t, err);
	*out = TAKE_PTR(t);
	return 0;
}

/* Names are bytes for us: that libarchive cannot say one in this locale is no news. */
static void take_warning(struct tar *t)
{
	const char *text = archive_error_string(t->archive);

	if (text && !strstr(text, "can't be converted"))
		warnings_add(&t->report->warnings, "the archive is odd: %s", text);
}

static int next_tar(void *state, struct archive_member *out, struct err *err)
{
	struct tar *t = state;
	struct archive_entry *entry;
	int status = archive_read_next_header(t->archive, &entry);

	if (status == ARCHIVE_EOF)
		return 0;
	if (!usable(status))
		return damaged(t, err);
	if (status == ARCHIVE_WARN)
		take_warning(t);

	const char *name = archive_entry_pathname(entry);

	*out = (struct archive_member){
		.name = name ? name : "",
		.link = archive_entry_symlink(entry),
		.hard_link = archive_entry_hardlink(entry),
		.user = archive_entry_uname(entry),
		.group = archive_entry_gname(entry),
		.mode = archive_entry_filetype(entry) | (archive_entry_perm(entry) & 07777),
		.has_owner = true,
		.uid = archive_entry_uid(entry),
		.gid = archive_entry_gid(entry),
		.size = archive_entry_size(entry),
		.mtime = { archive_entry_mtime(entry), archive_entry_mtime_nsec(entry) },
	};
	return 1;
}

static int tar_piece(void *state, const void **bytes, size_t *len, uint64_t *offset, struct err *err)
{
	struct tar *t = state;
	la_int64_t at;
	int status;

	do
		status = archive_read_data_block(t->archive, bytes, len, &at);
	while (status == ARCHIVE_OK && *len == 0);
	if (status == ARCHIVE_EOF)
		return 0;
	if (!usable(status))
		return damaged(t, err);
	*offset = at < 0 ? UINT64_MAX : (uint64_t)at; /* beyond any size */
	return 1;
}

static uint64_t tar_packed(const void *state)
{
	return bundle_stream_packed(((const struct tar *)state)->stream);
}

/* There is an end mark, and the compressed data goes to its end, where its checksum stands. */
static int finish_tar(void *state, struct err *err)
{
	struct tar *t = state;
	const void *bytes;
	size_t len;
	int found;

	/* libarchive takes the end of the file for the end of the archive: then no block of zeros was read there. */
	if (archive_filter_bytes(t->archive, 0) == archive_read_header_position(t->archive))
		return err_set(err, ERR_BUNDLE,
			       "the archive ends without its end mark: it was cut short; fetch or "
			       "pack it again");
	while ((found = next_bytes(t, &bytes, &len, err)) > 0)
		;
	return found;
}

const struct members_kind tar_members = {
	.open = open_tar,
	.next = next_tar,
	.piece = tar_piece,
	.packed = tar_packed,
	.finish = finish_tar,
	.close = close_tar,
};
