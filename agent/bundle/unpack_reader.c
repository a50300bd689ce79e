/* bundle/unpack_reader.c - judges what an archive holds; it never touches the disk. */
#include "bundle/unpack_reader.h"

#include "bundle/bundle_stream.h"
#include "bundle/entry_guard.h"
#include "bundle/members.h"
#include "bundle/owner_ids.h"
#include "util/auto.h"
#include "util/digest.h"
#include "util/str.h"

#include <string.h>

enum {
	SMALL_FILE = 64 * 1024, /* up to this a file is one record */
	PROGRESS_FILES = 256,
	PROGRESS_BYTES = 4 * 1024 * 1024,
};

struct reader {
	const struct unpack_options *options;
	struct bundle_stream *stream;
	const struct members_kind *kind;
	void *members; /* of that kind */
	struct channel *channel;
	struct unpack_report *report;
	struct unpack_findings *findings;
	struct owner_ids *owners;
	struct digest *digest;
	struct record *piece; /* of a big file, being filled; NULL: none */
	struct entry_path path, target;
	uint64_t told_files, told_bytes;
};

static void reader_done(struct reader *r)
{
	if (r->members)
		r->kind->close(r->members);
	bundle_stream_free(r->stream);
	owner_ids_free(r->owners);
	digest_free(r->digest);
}

void unpack_findings_done(struct unpack_findings *f)
{
	warnings_done(&f->outside);
	warnings_done(&f->outside_if_stripped);
}

bool members_stopped(const struct unpack_options *options, struct err *err)
{
	if (!options->stop || !atomic_load_explicit(options->stop, memory_order_relaxed))
		return false;
	(void)err_set(err, ERR_STOPPED, "stopped while unpacking");
	return true;
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

/* Bytes of content, counted as they come: what a header says is not believed. */
static int count_bytes(struct reader *r, uint64_t more, struct err *err)
{
	uint64_t bytes;

	if (__builtin_add_overflow(r->report->bytes, more, &bytes))
		bytes = UINT64_MAX;
	if (guard_bytes(bytes, r->options->max_bytes, err) < 0 ||
	    guard_ratio(bytes, r->kind->packed(r->members), r->options->max_ratio, err) < 0)
		return -1;
	r->report->bytes = bytes;
	return 0;
}

/* The next piece of content, 1, or 0 at its end. It lies within SIZE. */
static int next_piece(struct reader *r, uint64_t size, const void **bytes, size_t *len, uint64_t *offset,
		      struct err *err)
{
	int found = r->kind->piece(r->members, bytes, len, offset, err);

	if (found <= 0)
		return found;
	if (*offset > size || *len > size - *offset)
		return err_set(err, ERR_BUNDLE, "entry '%s' is damaged: it has content beyond its size; pack it again",
			       guard_shown(r->path.text, r->path.len).text);
	return members_stopped(r->options, err) ? -1 : 1;
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
	while (m->kind == MEMBER_FILE && (found = next_piece(r, size, &bytes, &len, &offset, err)) != 0) {
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

static int send_file(struct reader *r, const struct member *m, const struct archive_member *entry, struct err *err)
{
	if (entry->size < 0)
		return err_set(err, ERR_BUNDLE, "entry '%s' is damaged: its size is below 0; pack it again",
			       guard_shown(r->path.text, r->path.len).text);
	r->report->files++;
	if (entry->size > SMALL_FILE)
		return send_big(r, m, (uint64_t)entry->size, err);
	return count_bytes(r, (uint64_t)entry->size, err) < 0 ? -1 : send_small(r, m, (size_t)entry->size, err);
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

static int take_owner(struct reader *r, const struct archive_member *entry, struct attributes *a, struct err *err)
{
	a->set_owner = r->options->restore_owner && entry->has_owner;
	if (!a->set_owner) {
		a->mode &= (mode_t)~06000; /* they would give away the wrong user's rights */
		return 0;
	}
	/* The largest number means "leave it" to chown. */
	if (entry->uid < 0 || entry->gid < 0 || entry->uid >= UINT32_MAX || entry->gid >= UINT32_MAX)
		return err_set(
			err, ERR_BUNDLE,
			"entry '%s' belongs to a user or group number that cannot be; pack it with --numeric-owner "
			"--owner=0 --group=0",
			guard_shown(r->path.text, r->path.len).text);
	a->uid = owner_ids_user(r->owners, entry->user, (uid_t)entry->uid);
	a->gid = owner_ids_group(r->owners, entry->group, (gid_t)entry->gid);
	return 0;
}

/* What of ENTRY is a link; its text goes to M. */
static int take_links(struct reader *r, const struct archive_member *entry, struct member *m, struct err *err)
{
	m->text = "";
	if (entry->hard_link) {
		m->kind = MEMBER_HARD_LINK;
		m->text = r->target.text;
		return guard_hard_link(r->path.text, r->path.len, entry->hard_link, &r->target, err);
	}
	if (m->kind == MEMBER_LINK) {
		m->text = entry->link;
		if (!m->text || !*m->text || strlen(m->text) > GUARD_PATH_MAX - 1)
			return err_set(err, ERR_BUNDLE,
				       "the link '%s' leads nowhere or to more than 4095 bytes; pack it again",
				       guard_shown(r->path.text, r->path.len).text);
		return note_outside_link(r, m->text, err);
	}
	return 0;
}

/* Judge ENTRY and describe it in M, whose texts live as long as the entry. */
static int take_member(struct reader *r, const struct archive_member *entry, struct member *m, struct err *err)
{
	const char *name = entry->name;
	mode_t type = entry->mode & S_IFMT;

	if (guard_path(name, strlen(name), &r->path, err) < 0)
		return -1;
	if (!entry->hard_link && guard_type(name, strlen(name), type, err) < 0)
		return -1;
	*m = (struct member){
		.kind = S_ISDIR(type)	? MEMBER_FOLDER
			: S_ISLNK(type) ? MEMBER_LINK
					: MEMBER_FILE,
		.path = r->path.text,
		.attributes = { .mode = entry->mode & 07777, .mtime = entry->mtime },
	};
	if (take_links(r, entry, m, err) < 0 || take_owner(r, entry, &m->attributes, err) < 0)
		return -1;
	if (m->kind != MEMBER_FOLDER && r->path.len == 0)
		return err_set(err, ERR_BUNDLE, "entry '%s' takes the place of the bundle's own folder; pack it again",
			       guard_shown(name, strlen(name)).text);
	return 0;
}

static int take_entry(struct reader *r, const struct archive_member *entry, struct err *err)
{
	struct member m;

	r->report->entries++;
	if (guard_entries(r->report->entries, r->options->max_entries, err) < 0 || take_member(r, entry, &m, err) < 0 ||
	    members_stopped(r->options, err))
		return -1;

	int sent = m.kind == MEMBER_FILE ? send_file(r, &m, entry, err) : send_small(r, &m, 0, err);

	if (sent < 0 || (m.kind != MEMBER_FILE && drain(r, err) < 0))
		return -1;
	tell_progress(r, false);
	return 0;
}

static int read_members(struct reader *r, struct err *err)
{
	struct archive_member entry;
	int found;

	while ((found = r->kind->next(r->members, &entry, err)) > 0)
		if (take_entry(r, &entry, err) < 0)
			return -1;
	if (found < 0 || r->kind->finish(r->members, err) < 0 ||
	    bundle_stream_digest(r->stream, r->report->digest, err) < 0)
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
	r->report->type = bundle_stream_type(r->stream);
	r->kind = bundle_stream_is_zip(r->stream) ? &zip_members : &tar_members;
	return r->kind->open(r->stream, r->options, r->report, &r->members, err);
}

int unpack_read(const char *path, const struct unpack_options *options, struct channel *channel,
		struct unpack_report *report, struct unpack_findings *findings, struct err *err)
{
	AUTO(reader_done)
	struct reader r = { .options = options, .channel = channel, .report = report, .findings = findings };

	if (set_up(&r, path, err) < 0 || read_members(&r, err) < 0)
		return -1;
	tell_progress(&r, true);
	return 0;
}
