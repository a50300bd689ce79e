/* bundle/owner_ids.c - a few names remembered: an archive has many entries and few owners. */
#include "bundle/owner_ids.h"

#include "util/account.h"
#include "util/str.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT = 32, NAME_SIZE = 64 };

struct known {
	char name[NAME_SIZE];
	bool found;
	unsigned id;
};

struct table {
	struct known known[KEPT];
	unsigned next; /* the one to forget */
};

struct owner_ids {
	struct table users, groups;
};

struct owner_ids *owner_ids_new(void)
{
	return xcalloc(1, sizeof(struct owner_ids));
}

void owner_ids_free(struct owner_ids *ids)
{
	free(ids);
}

static unsigned look_up(struct table *t, const char *name, unsigned number, int (*ask)(const char *, unsigned *))
{
	if (!name || !*name || strlen(name) >= NAME_SIZE)
		return number;
	for (size_t i = 0; i < KEPT; i++)
		if (!strcmp(t->known[i].name, name))
			return t->known[i].found ? t->known[i].id : number;

	struct known *k = &t->known[t->next++ % KEPT];

	memcpy(k->name, name, strlen(name) + 1);
	k->found = ask(name, &k->id);
	return k->found ? k->id : number;
}

uid_t owner_ids_user(struct owner_ids *ids, const char *name, uid_t number)
{
	return look_up(&ids->users, name, number, account_user);
}

gid_t owner_ids_group(struct owner_ids *ids, const char *name, gid_t number)
{
	return look_up(&ids->groups, name, number, account_group);
}
