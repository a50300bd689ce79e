/* plan_host.h - a host and what the last revision left on it, for tests of what rules make of that. */
#pragma once

#include "plan_words.h"

#define HEAD		 "version: 0.0\nos: linux\nfiles:\n"
#define PUT(source, to)	 "- {source: '" source "', destination: '" to "'}\n"
#define RULES		 "slipway:\n  overwrite:\n"
#define RULE(path, what) "  - {path: '" path "', behavior: " what "}\n"
#define SHOP		 HEAD PUT("w", "/etc/shop") RULES

/* What the last revision installed; what of it stands on the disk word for word has not been touched since. */
struct installed {
	struct manifest_entry entries[FAKE_MAX];
	char pool[4096];
	size_t pool_len;
	struct manifest manifest;
};

static inline uint32_t pooled(struct installed *in, const char *text)
{
	size_t at = in->pool_len;

	memcpy(in->pool + at, text, strlen(text) + 1);
	in->pool_len += strlen(text) + 1;
	return (uint32_t)at;
}

static inline uint32_t index_of(const struct fake_world *w, const char *path, size_t len)
{
	for (size_t i = 0; i < w->count; i++)
		if (strlen(w->items[i].path) == len && !memcmp(w->items[i].path, path, len))
			return (uint32_t)i + 1;
	return 0;
}

static inline void record(struct installed *in, const struct fake_world *was, size_t i, struct fake_world *disk)
{
	const struct fake_entry *e = &was->items[i], *now = fake_find(disk, e->path);
	const char *slash = strrchr(e->path, '/');
	struct manifest_entry *m = &in->entries[i + 1];
	bool same = now && now->entry.kind == e->entry.kind && !strcmp(now->text, e->text);

	*m = (struct manifest_entry){
		.parent = index_of(was, e->path, (size_t)(slash - e->path)),
		.name = pooled(in, slash + 1),
		.mode = (uint16_t)e->entry.mode,
		.type = e->entry.kind == DISK_DIRECTORY ? TREE_DIRECTORY
			: e->entry.kind == DISK_LINK	? TREE_LINK
							: TREE_FILE,
		.dev = FAKE_DEVICE,
		.ino = same ? now->entry.ino : 999999,
		.size = e->entry.size,
		.mtime_ns = FAKE_TIME,
		.ctime_ns = FAKE_TIME,
	};
	if (m->type == TREE_LINK)
		m->text = pooled(in, e->text);
	if (m->type == TREE_FILE) {
		m->flags = MANIFEST_HAS_DIGEST;
		fake_digest(e->text, m->digest);
	}
}

static inline void installed_init(struct installed *in, const char *words, struct fake_world *disk)
{
	struct fake_world was;
	enum disk_kind kind;
	const char *tail;

	*in = (struct installed){ .pool_len = 1 };
	fake_world_init(&was, words);
	in->entries[0].type = TREE_DIRECTORY;
	for (size_t i = 0; i < was.count; i++)
		record(in, &was, i, disk);
	for (char *word; (word = fake_word(&words, &kind, &tail)); free(word))
		in->entries[index_of(&was, word, strlen(word))].flags |= MANIFEST_OURS;
	in->manifest = (struct manifest){
		.entries = in->entries,
		.count = (uint32_t)was.count + 1,
		.pool = in->pool,
		.pool_len = in->pool_len,
	};
	fake_world_done(&was);
}

struct host {
	struct fake_world disk;
	struct fake_bundle bundle;
	struct installed installed;
	struct appspec *spec;
	struct plan_input in;
	struct plan *plan;
};

static inline void host_init(struct host *h, const char *bundle, const char *disk, const char *ours, const char *spec)
{
	struct findings findings = { 0 };
	struct err err = ERR_INIT;

	fake_bundle_init(&h->bundle, bundle);
	fake_world_init(&h->disk, disk);
	installed_init(&h->installed, ours, &h->disk);
	if (appspec_parse(spec, strlen(spec), &h->spec, &findings, &err) < 0)
		fail_msg("%s", err.msg);
	findings_done(&findings);
	h->plan = NULL;
	h->in = (struct plan_input){
		.appspec = h->spec,
		.tree = &h->bundle.tree,
		.archive = "/archive",
		.digests = h->bundle.digests,
		.manifest = &h->installed.manifest,
		.world = &h->disk.world,
		.behavior = FILE_EXISTS_DISALLOW,
		.install_prefix = "",
		.umask = 022,
	};
}

static inline void host_done(struct host *h)
{
	plan_free(h->plan);
	appspec_free(h->spec);
	fake_world_done(&h->disk);
	fake_bundle_done(&h->bundle);
}
