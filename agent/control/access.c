/* control/access.c - names to numbers once, then numbers against numbers. */
#include "control/access.h"
#include "format/json.h"
#include "util/account.h"
#include "util/auto.h"
#include "util/str.h"

#include <string.h>

const char *access_class_name(enum access_class class)
{
	static const char *const names[ACCESS_CLASS_COUNT] = {
		[ACCESS_STATUS] = "status",
		[ACCESS_DEPLOY] = "deploy",
	};

	return names[class];
}

static int system_user(void *context, const char *name, uid_t *out)
{
	(void)context;
	return account_user(name, out);
}

static int system_group(void *context, const char *name, gid_t *out)
{
	(void)context;
	return account_group(name, out);
}

const struct access_names access_system_names = { system_user, system_group, NULL };

static void list_done(struct access_list *l)
{
	jstrings_free(l->names);
	free(l->uids);
	free(l->gids);
	*l = (struct access_list){ 0 };
}

void access_done(struct access *a)
{
	for (size_t i = 0; i < ACCESS_CLASS_COUNT; i++)
		list_done(&a->lists[i]);
}

static void append(char ***list, const char *text)
{
	size_t n = 0;

	while (*list && (*list)[n])
		n++;
	*list = xrealloc(*list, (n + 2) * sizeof(**list));
	(*list)[n] = xstrdup(text);
	(*list)[n + 1] = NULL;
}

static int add_user(struct access_list *l, const char *name, const struct access_names *names)
{
	uid_t uid;

	if (names->user(names->context, name, &uid) != 1)
		return 0;
	l->uids = xrealloc(l->uids, (l->uid_count + 1) * sizeof(*l->uids));
	l->uids[l->uid_count++] = uid;
	return 1;
}

static int add_group(struct access_list *l, const char *name, const struct access_names *names)
{
	gid_t gid;

	if (names->group(names->context, name, &gid) != 1)
		return 0;
	l->gids = xrealloc(l->gids, (l->gid_count + 1) * sizeof(*l->gids));
	l->gids[l->gid_count++] = gid;
	return 1;
}

/* 1: added; 0: nobody has that name here. */
static int add_entry(struct access_list *l, const char *entry, const struct access_names *names, struct err *err)
{
	if (str_starts(entry, "user:") && entry[5])
		return add_user(l, entry + 5, names);
	if (str_starts(entry, "group:") && entry[6])
		return add_group(l, entry + 6, names);
	return err_set(err, ERR_CONFIG, "access: '%s' is neither 'user:NAME' nor 'group:NAME'", entry);
}

static int load_list(char *const *entries, const struct access_names *names, struct access_list *l, char ***unknown,
		     struct err *err)
{
	for (; entries && *entries; entries++) {
		int r = add_entry(l, *entries, names, err);

		if (r < 0)
			return -1;
		if (r == 0)
			append(unknown, *entries);
		append(&l->names, *entries);
	}
	return 0;
}

int access_load(char *const *const lists[ACCESS_CLASS_COUNT], uid_t own, const struct access_names *names,
		struct access *out, char ***unknown, struct err *err)
{
	struct access a = { .own = own };
	char **missing = NULL;

	for (size_t i = 0; i < ACCESS_CLASS_COUNT; i++)
		if (load_list(lists[i], names, &a.lists[i], &missing, err) < 0) {
			access_done(&a);
			jstrings_free(missing);
			return -1;
		}
	*out = a;
	*unknown = missing;
	return 0;
}

static bool has_group(const struct access_list *l, gid_t gid)
{
	for (size_t i = 0; i < l->gid_count; i++)
		if (l->gids[i] == gid)
			return true;
	return false;
}

static bool lets_in(const struct access_list *l, const struct access_peer *peer)
{
	for (size_t i = 0; i < l->uid_count; i++)
		if (l->uids[i] == peer->uid)
			return true;
	for (size_t i = 0; i < peer->gid_count; i++)
		if (has_group(l, peer->gids[i]))
			return true;
	return false;
}

/* "root, group:slipway" */
static void describe(const struct access *a, enum access_class class, struct str *out)
{
	(void)str_add(out, "root"); /* what does not fit is cut: a message has an end */
	for (size_t i = class; i < ACCESS_CLASS_COUNT; i++)
		for (char *const *name = a->lists[i].names; name && *name; name++)
			(void)str_printf(out, ", %s", *name);
}

int access_check(const struct access *a, enum access_class class, const struct access_peer *peer, struct err *err)
{
	AUTO(str_done) struct str who = STR_INIT(500);

	if (peer->uid == 0 || peer->uid == a->own)
		return 0;
	for (size_t i = class; i < ACCESS_CLASS_COUNT; i++) /* whoever may deploy may see, too */
		if (lets_in(&a->lists[i], peer))
			return 0;
	describe(a, class, &who);
	return err_set(err, ERR_DENIED,
		       "user %u may not %s: that is for %s; use sudo, or have the administrator add you there "
		       "('access: %s' of slipway.yml) and log in again",
		       (unsigned)peer->uid, class == ACCESS_DEPLOY ? "deploy" : "see the status", str_text(&who),
		       access_class_name(class));
}
