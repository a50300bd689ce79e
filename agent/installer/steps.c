/* installer/steps.c - steps in memory and as journal records. */
#include "installer/steps.h"

#include "util/arena.h"
#include "util/auto.h"
#include "util/str.h"

#include <limits.h>
#include <string.h>

struct place_record {
	int64_t parent_mtime_ns;
	/* parent, name */
};

struct folder_record {
	uint64_t dev, ino;
	int64_t mtime_ns;
	/* path */
};

struct step_record {
	uint32_t kind, folder, place, number;
	uint64_t new_dev, new_ino, old_ino;
	struct step_attributes before, after;
	/* name, acl_before, acl_after */
};

struct label_record {
	uint32_t flags, line;
	/* path, before, after */
};

#define RECORD_MAX (sizeof(struct step_record) + 4 * PATH_MAX + 4 * 64 * 1024) /* two ACLs of two halves */

void steps_init(struct steps *s)
{
	*s = (struct steps){ .arena = arena_new() };
}

void steps_done(struct steps *s)
{
	free(s->items);
	free(s->folders);
	free(s->places);
	free(s->labels);
	arena_free(s->arena);
	*s = (struct steps){ 0 };
}

static void *grow(void *items, size_t count, size_t *capacity, size_t size)
{
	if (count < *capacity)
		return items;
	*capacity = *capacity ? *capacity + *capacity / 2 : 16;
	return xrealloc(items, *capacity * size);
}

struct step *steps_add(struct steps *s)
{
	s->items = grow(s->items, s->count, &s->capacity, sizeof(*s->items));
	s->items[s->count] = (struct step){ .acl_before = "", .acl_after = "" };
	return &s->items[s->count++];
}

static uint32_t add_folder(struct steps *s, struct step_folder f)
{
	s->folders = grow(s->folders, s->folder_count, &s->folder_capacity, sizeof(*s->folders));
	s->folders[s->folder_count] = f;
	return (uint32_t)s->folder_count++;
}

static uint32_t add_place(struct steps *s, struct step_place p)
{
	s->places = grow(s->places, s->place_count, &s->place_capacity, sizeof(*s->places));
	s->places[s->place_count] = p;
	return (uint32_t)s->place_count++;
}

uint32_t steps_add_folder(struct steps *s, const char *path, uint64_t dev, uint64_t ino, int64_t mtime_ns)
{
	return add_folder(s, (struct step_folder){ arena_strdup(s->arena, path), dev, ino, mtime_ns });
}

const char *steps_string(struct steps *s, const char *text)
{
	return *text ? arena_strdup(s->arena, text) : "";
}

uint32_t steps_add_place(struct steps *s, const char *parent, const char *name, int64_t parent_mtime_ns)
{
	return add_place(s, (struct step_place){ arena_strdup(s->arena, parent), arena_strdup(s->arena, name),
						 parent_mtime_ns });
}

static void add_label(struct steps *s, struct step_label l)
{
	s->labels = grow(s->labels, s->label_count, &s->label_capacity, sizeof(*s->labels));
	s->labels[s->label_count++] = l;
}

void steps_add_label(struct steps *s, const struct step_label *l)
{
	add_label(s, (struct step_label){ arena_strdup(s->arena, l->path), steps_string(s, l->before),
					  steps_string(s, l->after), l->flags, l->line });
}

/* A record of fixed part HEAD and strings, each with its NUL. */
static int write_record(struct journal *j, enum journal_type type, const void *head, size_t head_len,
			const char *const *strings, size_t count, struct err *err)
{
	char fixed[4096];
	size_t len = head_len;
	AUTO_FREE char *big = NULL;

	for (size_t i = 0; i < count; i++)
		len += strlen(strings[i]) + 1;

	char *payload = len <= sizeof(fixed) ? fixed : (big = xmalloc(len));

	memcpy(payload, head, head_len);
	len = head_len;
	for (size_t i = 0; i < count; i++) {
		size_t n = strlen(strings[i]) + 1;

		memcpy(payload + len, strings[i], n);
		len += n;
	}
	return journal_add(j, type, payload, len, err);
}

int steps_write_places(const struct steps *s, struct journal *j, struct err *err)
{
	for (size_t i = 0; i < s->place_count; i++) {
		const struct step_place *p = &s->places[i];
		const struct place_record head = { p->parent_mtime_ns };

		if (write_record(j, JOURNAL_PLACE, &head, sizeof(head), (const char *const[]){ p->parent, p->name }, 2,
				 err) < 0)
			return -1;
	}
	return journal_flush(j, err);
}

static int write_step(const struct step *st, struct journal *j, struct err *err)
{
	const struct step_record head = {
		.kind = st->kind,
		.folder = st->folder,
		.place = st->place,
		.number = st->number,
		.new_dev = st->new_dev,
		.new_ino = st->new_ino,
		.old_ino = st->old_ino,
		.before = st->before,
		.after = st->after,
	};

	return write_record(j, JOURNAL_STEP, &head, sizeof(head),
			    (const char *const[]){ st->name, st->acl_before, st->acl_after }, 3, err);
}

static int write_label(const struct step_label *l, struct journal *j, struct err *err)
{
	const struct label_record head = { l->flags, l->line };

	return write_record(j, JOURNAL_LABEL, &head, sizeof(head),
			    (const char *const[]){ l->path, l->before, l->after }, 3, err);
}

static size_t bytes_needed(const struct steps *s)
{
	size_t bytes = 0;

	for (size_t i = 0; i < s->folder_count; i++)
		bytes += sizeof(struct folder_record) + strlen(s->folders[i].path) + 1;
	for (size_t i = 0; i < s->count; i++)
		bytes += sizeof(struct step_record) + strlen(s->items[i].name) + strlen(s->items[i].acl_before) +
			 strlen(s->items[i].acl_after) + 3;
	for (size_t i = 0; i < s->label_count; i++)
		bytes += sizeof(struct label_record) + strlen(s->labels[i].path) + strlen(s->labels[i].before) +
			 strlen(s->labels[i].after) + 3;
	return bytes;
}

int steps_write(const struct steps *s, struct journal *j, struct err *err)
{
	if (journal_reserve(j, bytes_needed(s), s->count + s->folder_count + s->label_count, err) < 0)
		return -1;
	for (size_t i = 0; i < s->folder_count; i++) {
		const struct step_folder *f = &s->folders[i];
		const struct folder_record head = { f->dev, f->ino, f->mtime_ns };

		if (write_record(j, JOURNAL_FOLDER, &head, sizeof(head), (const char *const[]){ f->path }, 1, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < s->count; i++)
		if (write_step(&s->items[i], j, err) < 0)
			return -1;
	for (size_t i = 0; i < s->label_count; i++)
		if (write_label(&s->labels[i], j, err) < 0)
			return -1;
	return 0;
}

/* The fixed part to HEAD, the strings behind it to STRINGS; 0 when the record has just these. */
static int read_record(const struct journal_record *r, void *head, size_t head_len, const char **strings, size_t count)
{
	const char *at, *end = r->payload + r->len;

	if (r->len < head_len || r->len > RECORD_MAX)
		return -1;
	memcpy(head, r->payload, head_len);
	at = r->payload + head_len;
	for (size_t i = 0; i < count; i++) {
		const char *nul = memchr(at, '\0', (size_t)(end - at));

		if (!nul)
			return -1;
		strings[i] = at;
		at = nul + 1;
	}
	return at == end ? 0 : -1;
}

/* A name that is one component: whatever else the journal said, a step never leaves its folder. */
static bool plain_name(const char *name)
{
	return *name && !strchr(name, '/') && strcmp(name, ".") && strcmp(name, "..");
}

static int read_place(struct steps *s, const struct journal_record *r)
{
	struct place_record head;
	const char *strings[2];

	if (read_record(r, &head, sizeof(head), strings, 2) < 0 || strings[0][0] != '/' || !plain_name(strings[1]))
		return -1;
	add_place(s, (struct step_place){ strings[0], strings[1], head.parent_mtime_ns });
	return 0;
}

static int read_folder(struct steps *s, const struct journal_record *r)
{
	struct folder_record head;
	const char *path;

	if (read_record(r, &head, sizeof(head), &path, 1) < 0 || path[0] != '/')
		return -1;
	add_folder(s, (struct step_folder){ path, head.dev, head.ino, head.mtime_ns });
	return 0;
}

static int read_step(struct steps *s, const struct journal_record *r)
{
	struct step_record head;
	const char *strings[3];

	if (read_record(r, &head, sizeof(head), strings, 3) < 0 || head.kind >= STEP_KIND_COUNT ||
	    head.folder >= s->folder_count || (head.place >= s->place_count && head.kind != STEP_ATTRIBUTES) ||
	    !plain_name(strings[0]))
		return -1;
	*steps_add(s) = (struct step){
		.name = strings[0],
		.acl_before = strings[1],
		.acl_after = strings[2],
		.folder = head.folder,
		.place = head.place,
		.number = head.number,
		.kind = (enum step_kind)head.kind,
		.new_dev = head.new_dev,
		.new_ino = head.new_ino,
		.old_ino = head.old_ino,
		.before = head.before,
		.after = head.after,
	};
	return 0;
}

static int read_label(struct steps *s, const struct journal_record *r)
{
	struct label_record head;
	const char *strings[3];

	if (read_record(r, &head, sizeof(head), strings, 3) < 0 || strings[0][0] != '/')
		return -1;
	add_label(s, (struct step_label){ strings[0], strings[1], strings[2], head.flags, head.line });
	return 0;
}

/* What a record says: a thing, or how far the install has come. */
static const struct {
	int (*read)(struct steps *s, const struct journal_record *r);
	enum steps_state state; /* STEPS_STAGED: nothing */
} records[JOURNAL_TYPE_COUNT] = {
	[JOURNAL_PLACE] = { .read = read_place },	 [JOURNAL_FOLDER] = { .read = read_folder },
	[JOURNAL_STEP] = { .read = read_step },		 [JOURNAL_LABEL] = { .read = read_label },
	[JOURNAL_COMMIT] = { .state = STEPS_COMMITTED }, [JOURNAL_DONE] = { .state = STEPS_DONE },
	[JOURNAL_ENDING] = { .state = STEPS_ENDING },	 [JOURNAL_FAILED] = { .state = STEPS_FAILED },
	[JOURNAL_UNDONE] = { .state = STEPS_UNDONE },	 [JOURNAL_END] = { .state = STEPS_ENDED },
};

int steps_read(const struct journal *j, struct steps *out, enum steps_state *state, struct err *err)
{
	struct steps s = { 0 };

	*state = STEPS_STAGED;
	for (size_t i = 0; i < journal_count(j); i++) {
		const struct journal_record *r = journal_record(j, i);

		if (records[r->type].state)
			*state = records[r->type].state;
		if (records[r->type].read && records[r->type].read(&s, r) < 0) {
			steps_done(&s);
			return err_set(err, ERR_STATE, "record %zu of the journal makes no sense", i);
		}
	}
	*out = s;
	return 0;
}
