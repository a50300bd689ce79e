/* bundle/unpack_reader.c - libarchive decodes tar, nothing else: it never touches the disk. */
#include "bundle/unpack_reader.h"

#include "bundle/bundle_stream.h"
#include "bundle/entry_guard.h"
#include "bundle/owner_ids.h"
#include "util/auto.h"
#include "util/digest.h"
#include "util/str.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#include <string.h>

enum {
	SMALL_FILE = 64 * 1024, /* up to this a file is one record */
	PROGRESS_FILES = 256,
	PROGRESS_BYTES = 4 * 1024 * 1024,
};

struct reader {
	const struct unpack_options *options;
	struct bundle_stream *stream;
	struct archive *archive;
	struct channel *channel;
	struct unpack_report *report;
	struct unpack_findings *findings;
	struct owner_ids *owners;
	struct digest *digest;
	struct record *piece; /* of a big file, being filled; NULL: none */
	struct entry_path path, target;
	struct err stream_err; /* of the stream below libarchive */
	uint64_t told_files, told_bytes;
	locale_t plain, before;
};

static void reader_done(struct reader *r)
{
	if (r->archive)
		(void)archive_read_free(r->archive); /* nothing to be lost when reading */
	bundle_stream_free(r->stream);
	owner_ids_free(r->owners);
	digest_free(r->digest);
	if (r->plain) {
		(void)uselocale(r->before); /* was in use before */
		freelocale(r->plain);
	}
}

void unpack_findings_done(struct unpack_findings *f)
{
	warnings_done(&f->outside);
	warnings_done(&f->outside_if_stripped);
}

static int check_stop(const struct reader *r, struct err *err)
{
	if (r->options->stop && atomic_load_explicit(r->options->stop, memory_order_relaxed))
		return err_set(err, ERR_STOPPED, "stopped while unpacking");
	return 0;
}

static void tell_progress(struct reader *r, bool at_the_end)
{
	const struct unpack_report *now = r->report;

	if (!r->options->progress ||
	    (!at_the_end && now->files - r->told_files < PROGRESS_FILES && now->bytes - r->told_bytes < PROGRESS_BYTES))
		return;
	r->options->progress(r->options->context, now->files, now->bytes);
	r->told_files = now->files;
	r->told_bytes = now->bytes;
}

/* The next bytes of the tar stream, not more than the ratio allows: empty space between members counts, too. */
static int next_bytes(struct reader *r, const void **bytes, size_t *len, struct err *err)
{
	int found = bundle_stream_next(r->stream, bytes, len, err);

	if (found <= 0)
		return found;
	if (guard_ratio(bundle_stream_unpacked(r->stream), bundle_stream_packed(r->stream), r->options->max_ratio,
			err) < 0 ||
	    check_stop(r, err) < 0)
		return -1;
	return 1;
}

static la_ssize_t on_read(struct archive *a, void *context, const void **bytes)
{
	struct reader *r = context;
	size_t len = 0;
	int found = next_bytes(r, bytes, &len, &r->stream_err);

	if (found < 0)
		archive_set_error(a, EIO, "%s", r->stream_err.msg);
	return found < 0 ? -1 : (la_ssize_t)len;
}

/* ARCHIVE_RETRY lies between the two and is no success: the header is damaged, what comes next is a guess. */
static bool usable(int status)
{
	return status == ARCHIVE_OK || status == ARCHIVE_WARN;
}

/* libarchive has failed: by what came up from below, or by what it found itself. */
static int damaged(const struct reader *r, struct err *err)
{
	if (r->stream_err.kind) {
		*err = r->stream_err;
		return -1;
	}
	if (archive_format(r->archive) == 0)
		return err_set(err, ERR_BUNDLE,
			       "it holds no tar archive; supported are tar, tar.gz (tgz) and tar.zst: pack it again as "
			       "one of these");
	return err_set(err, ERR_BUNDLE, "the archive is damaged or cut short (%s); fetch or pack it again",
		       archive_error_string(r->archive));
}

/* Bytes of content, counted as they come: what a header says is not believed. */
static int count_bytes(struct reader *r, uint64_t more, struct err *err)
{
	uint64_t bytes;

	if (__builtin_add_overflow(r->report->bytes, more, &bytes))
		bytes = UINT64_MAX;
	if (guard_bytes(bytes, r->options->max_bytes, err) < 0 ||
	    guard_ratio(bytes, bundle_stream_packed(r->stream), r->options->max_ratio, err) < 0)
		return -1;
	r->report->bytes = bytes;
	return 0;
}

/* The next piece of content, 1, or 0 at its end. It lies within SIZE. */
static int next_piece(struct reader *r, uint64_t size, const void **bytes, size_t *len, uint64_t *offset,
		      struct err *err)
{
	la_int64_t at;
	int status;

	do
		status = archive_read_data_block(r->archive, bytes, len, &at);
	while (status == ARCHIVE_OK && *len == 0);
	if (status == ARCHIVE_EOF)
		return 0;
	if (!usable(status))
		return damaged(r, err);
	if (at < 0 || (uint64_t)at > size || *len > size - (uint64_t)at)
		return err_set(err, ERR_BUNDLE, "entry '%s' is damaged: it has content beyond its size; pack it again",
			       guard_shown(r->path.text, r->path.len).text);
	*offset = (uint64_t)at;
	return check_stop(r, err) < 0 ? -1 : 1;
}

/* Content where there should be none (a folder that says it has a size): passed over, but counted. */
static int drain(struct reader *r, struct err *err)
{
	const void *bytes;
	size_t len;
	uint64_t offset;
	int found;

	while ((found = next_piece(r, INT64_MAX, &bytes, &len, &offset, err)) > 0)
		if (count_bytes(r, len, err) < 0)
			return -1;
	return found;
}

static void hash(struct reader *r, struct record *rec)
{
	digest_start(r->digest);
	digest_update(r->digest, rec->content, rec->len);
	digest_finish(r->digest, rec->member.digest);
	rec->member.hashed = true;
}

static int send_small(struct reader *r, const struct member *m, size_t size, struct err *err)
{
	struct record *rec = channel_room(r->channel, RECORD_MEMBER, m->path, m->text, size);
	const void *bytes;
	size_t len, filled = 0;
	uint64_t offset;
	int found;

	if (!rec)
		return -1;
	rec->member.kind = m->kind;
	rec->member.attributes = m->attributes;
	while (size && (found = next_piece(r, size, &bytes, &len, &offset, err)) != 0) {
		if (found < 0)
			return -1;
		if (offset < filled)
			return err_set(err, ERR_BUNDLE, "entry '%s' is damaged: its pieces overlap; pack it again",
				       guard_shown(r->path.text, r->path.len).text);
		memset(rec->content + filled, 0, (size_t)offset - filled);
		memcpy(rec->content + offset, bytes, len);
		filled = (size_t)offset + len;
	}
	memset(rec->content + filled, 0, size - filled);
	if (m->kind == MEMBER_FILE && channel_crowded(r->channel))
		hash(r, rec);
	return channel_send(r->channel);
}

static int send_piece(struct reader *r)
{
	struct record *piece = r->piece;

	r->piece = NULL;
	return piece ? channel_send(r->channel) : 0;
}

static bool piece_is_full(const struct record *piece)
{
	return piece->len == CHANNEL_PIECE - piece->offset % CHANNEL_PIECE;
}

/* Pieces end at multiples of CHANNEL_PIECE, however the bytes come: the kernel takes whole pages at half the cost. */
static int add_to_piece(struct reader *r, const char *bytes, size_t len, uint64_t offset)
{
	if (r->piece && r->piece->offset + r->piece->len != offset && send_piece(r) < 0)
		return -1;
	while (len) {
		size_t room = CHANNEL_PIECE - offset % CHANNEL_PIECE, n = len < room ? len : room;

		if (!r->piece) {
			r->piece = channel_room(r->channel, RECORD_PIECE, "", "", room);
			if (!r->piece)
				return -1;
			r->piece->offset = offset;
			r->piece->len = 0;
		}
		memcpy(r->piece->content + r->piece->len, bytes, n);
		r->piece->len += n;
		bytes += n;
		len -= n;
		offset += n;
		if (piece_is_full(r->piece) && send_piece(r) < 0)
			return -1;
	}
	return 0;
}

static int send_big(struct reader *r, const struct member *m, uint64_t size, struct err *err)
{
	struct record *rec = channel_room(r->channel, RECORD_BEGIN, m->path, m->text, 0);
	const void *bytes;
	size_t len;
	uint64_t offset, counted = 0;
	int found;

	if (!rec)
		return -1;
	rec->member.kind = m->kind;
	rec->member.attributes = m->attributes;
	if (channel_send(r->channel) < 0)
		return -1;
	while ((found = next_piece(r, size, &bytes, &len, &offset, err)) > 0) {
		uint64_t end = offset + len;

		if (end > counted && count_bytes(r, end - counted, err) < 0)
			return -1;
		counted = end > counted ? end : counted;
		if (add_to_piece(r, bytes, len, offset) < 0)
			return -1;
		tell_progress(r, false);
	}
	if (found < 0 || (size > counted && count_bytes(r, size - counted, err) < 0) || send_piece(r) < 0)
		return -1;
	rec = channel_room(r->channel, RECORD_END, "", "", 0);
	if (!rec)
		return -1;
	rec->offset = size;
	return channel_send(r->channel);
}

static int send_file(struct reader *r, const struct member *m, struct archive_entry *entry, struct err *err)
{
	la_int64_t size = archive_entry_size(entry);

	if (size < 0)
		return err_set(err, ERR_BUNDLE, "entry '%s' is damaged: its size is below 0; pack it again",
			       guard_shown(r->path.text, r->path.len).text);
	r->report->files++;
	if (size > SMALL_FILE)
		return send_big(r, m, (uint64_t)size, err);
	return count_bytes(r, (uint64_t)size, err) < 0 ? -1 : send_small(r, m, (size_t)size, err);
}

static int note_outside_link(struct reader *r, const char *text, struct err *err)
{
	int floor = guard_link_floor(&r->path, text);
	struct warnings *where = floor == GUARD_OUTSIDE ? &r->findings->outside : &r->findings->outside_if_stripped;

	if (floor > 0)
		return 0;

	struct shown name = guard_shown(r->path.text, r->path.len);
	struct shown leads = guard_shown(text, strlen(text));

	if (floor == GUARD_OUTSIDE && r->options->refuse_outside_links)
		return err_set(err, ERR_BUNDLE,
			       "the link '%s' leads out of the bundle, to '%s', which 'refuse_outside_links' forbids",
			       name.text, leads.text);
	if (!r->options->silent_about_links)
		warnings_add(where, "the link '%s' leads out of the bundle, to '%s'", name.text, leads.text);
	return 0;
}

static int take_owner(struct reader *r, struct archive_entry *entry, struct attributes *a, struct err *err)
{
	la_int64_t uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);

	a->set_owner = r->options->restore_owner;
	if (!a->set_owner) {
		a->mode &= (mode_t)~06000; /* they would give away the wrong user's rights */
		return 0;
	}
	/* The largest number means "leave it" to chown. */
	if (uid < 0 || gid < 0 || uid >= UINT32_MAX || gid >= UINT32_MAX)
		return err_set(
			err, ERR_BUNDLE,
			"entry '%s' belongs to a user or group number that cannot be; pack it with --numeric-owner "
			"--owner=0 --group=0",
			guard_shown(r->path.text, r->path.len).text);
	a->uid = owner_ids_user(r->owners, archive_entry_uname(entry), (uid_t)uid);
	a->gid = owner_ids_group(r->owners, archive_entry_gname(entry), (gid_t)gid);
	return 0;
}

/* What of ENTRY is a link; its text goes to M. */
static int take_links(struct reader *r, struct archive_entry *entry, struct member *m, struct err *err)
{
	const char *hard = archive_entry_hardlink(entry);

	m->text = "";
	if (hard) {
		m->kind = MEMBER_HARD_LINK;
		m->text = r->target.text;
		return guard_hard_link(r->path.text, r->path.len, hard, &r->target, err);
	}
	if (m->kind == MEMBER_LINK) {
		m->text = archive_entry_symlink(entry);
		if (!m->text || !*m->text || strlen(m->text) > GUARD_PATH_MAX - 1)
			return err_set(err, ERR_BUNDLE,
				       "the link '%s' leads nowhere or to more than 4095 bytes; pack it again",
				       guard_shown(r->path.text, r->path.len).text);
		return note_outside_link(r, m->text, err);
	}
	return 0;
}

/* Judge ENTRY and describe it in M, whose texts live as long as the entry. */
static int take_member(struct reader *r, struct archive_entry *entry, struct member *m, struct err *err)
{
	const char *name = archive_entry_pathname(entry);
	mode_t type = archive_entry_filetype(entry);

	if (!name)
		name = "";
	if (guard_path(name, strlen(name), &r->path, err) < 0)
		return -1;
	if (!archive_entry_hardlink(entry) && guard_type(name, strlen(name), type, err) < 0)
		return -1;
	*m = (struct member){
		.kind = S_ISDIR(type)	? MEMBER_FOLDER
			: S_ISLNK(type) ? MEMBER_LINK
					: MEMBER_FILE,
		.path = r->path.text,
		.attributes = { .mode = archive_entry_perm(entry) & 07777,
				.mtime = { archive_entry_mtime(entry), archive_entry_mtime_nsec(entry) } },
	};
	if (take_links(r, entry, m, err) < 0 || take_owner(r, entry, &m->attributes, err) < 0)
		return -1;
	if (m->kind != MEMBER_FOLDER && r->path.len == 0)
		return err_set(err, ERR_BUNDLE, "entry '%s' takes the place of the bundle's own folder; pack it again",
			       guard_shown(name, strlen(name)).text);
	return 0;
}

static int take_entry(struct reader *r, struct archive_entry *entry, struct err *err)
{
	struct member m;

	r->report->entries++;
	if (guard_entries(r->report->entries, r->options->max_entries, err) < 0 || take_member(r, entry, &m, err) < 0 ||
	    check_stop(r, err) < 0)
		return -1;

	int sent = m.kind == MEMBER_FILE ? send_file(r, &m, entry, err) : send_small(r, &m, 0, err);

	if (sent < 0 || (m.kind != MEMBER_FILE && drain(r, err) < 0))
		return -1;
	tell_progress(r, false);
	return 0;
}

/* Names are bytes for us: that libarchive cannot say one in this locale is no news. */
static void take_warning(struct reader *r)
{
	const char *text = archive_error_string(r->archive);

	if (text && !strstr(text, "can't be converted"))
		warnings_add(&r->report->warnings, "the archive is odd: %s", text);
}

static int read_members(struct reader *r, struct err *err)
{
	for (;;) {
		struct archive_entry *entry;
		int status = archive_read_next_header(r->archive, &entry);

		if (status == ARCHIVE_EOF)
			break;
		if (!usable(status))
			return damaged(r, err);
		if (status == ARCHIVE_WARN)
			take_warning(r);
		if (take_entry(r, entry, err) < 0)
			return -1;
	}
	/* libarchive takes the end of the file for the end of the archive: then no block of zeros was read there. */
	if (archive_filter_bytes(r->archive, 0) == archive_read_header_position(r->archive))
		return err_set(err, ERR_BUNDLE,
			       "the archive ends without its end mark: it was cut short; fetch or "
			       "pack it again");
	return 0;
}

/* To the end of the compressed data, whose checksum stands there, and of the file. */
static int read_rest(struct reader *r, struct err *err)
{
	const void *bytes;
	size_t len;
	int found;

	while ((found = next_bytes(r, &bytes, &len, err)) > 0)
		;
	if (found < 0 || bundle_stream_digest(r->stream, r->report->digest, err) < 0)
		return -1;
	r->report->has_digest = true;
	return 0;
}

static int set_up(struct reader *r, const char *path, struct err *err)
{
	if (bundle_stream_open(path, r->options->threads, &r->stream, err) < 0)
		return -1;
	r->owners = owner_ids_new();
	r->digest = digest_new();
	/* In a UTF-8 locale libarchive would compose letters and accents of pax names; here bytes stay bytes. */
	r->plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	if (!r->plain)
		return err_sys(err, "setting the locale");
	r->before = uselocale(r->plain);
	r->archive = archive_read_new();
	if (!r->archive || archive_read_support_format_tar(r->archive) != ARCHIVE_OK)
		return err_set(err, ERR_SYS, "setting up libarchive");
	if (archive_read_open(r->archive, r, NULL, on_read, NULL) != ARCHIVE_OK)
		return damaged(r, err);
	return 0;
}

int unpack_read(const char *path, const struct unpack_options *options, struct channel *channel,
		struct unpack_report *report, struct unpack_findings *findings, struct err *err)
{
	AUTO(reader_done)
	struct reader r = { .options = options, .channel = channel, .report = report, .findings = findings };

	if (set_up(&r, path, err) < 0 || read_members(&r, err) < 0 || read_rest(&r, err) < 0)
		return -1;
	tell_progress(&r, true);
	return 0;
}
