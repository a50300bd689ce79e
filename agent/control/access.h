/* control/access.h - may this caller do that? Pure: names were made numbers when the configuration was loaded.
 *
 * Root and the daemon's own user may everything; others are looked for in the lists of `access:`. Whoever may deploy
 * may see the status, too. Deploying is as good as being root: hooks run as root (PRODUCT section 4, "Access").
 */
#pragma once

#include "util/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum access_class { ACCESS_STATUS, ACCESS_DEPLOY, ACCESS_CLASS_COUNT };
const char *access_class_name(enum access_class class); /* "status", "deploy" */

/* Who calls, as the socket says; borrowed. */
struct access_peer {
	uid_t uid;
	const gid_t *gids; /* the first one and the supplementary ones */
	size_t gid_count;
};

struct access_list {
	char **names; /* "group:slipway", as configured, for messages; NULL-terminated */
	uid_t *uids;
	gid_t *gids;
	size_t uid_count, gid_count;
};

struct access {
	uid_t own;
	struct access_list lists[ACCESS_CLASS_COUNT];
};

/* The two look-ups: 1: *OUT is set; 0: no such name. May block, so only at start and reload. */
struct access_names {
	int (*user)(void *context, const char *name, uid_t *out);
	int (*group)(void *context, const char *name, gid_t *out);
	void *context;
};
extern const struct access_names access_system_names; /* getpwnam_r(), getgrnam_r() */

/* LISTS: of each class the entries as the configuration has them, NULL-terminated; NULL: nobody. OUT is the caller's:
 * access_done(). A name that this host does not know lets nobody in: it is put into *UNKNOWN (the caller's:
 * jstrings_free(), NULL: none). -1, ERR_CONFIG: an entry is neither "user:NAME" nor "group:NAME". */
int access_load(char *const *const lists[ACCESS_CLASS_COUNT], uid_t own, const struct access_names *names,
		struct access *out, char ***unknown, struct err *err);
void access_done(struct access *a);

/* 0: yes. -1, ERR_DENIED: who may, and what to do. */
int access_check(const struct access *a, enum access_class class, const struct access_peer *peer, struct err *err);
