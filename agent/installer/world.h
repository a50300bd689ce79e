/* installer/world.h - what the plan may ask about the host. The plan is pure: it sees the disk only through this.
 *
 * world_disk() answers from the real disk; tests answer from a table.
 */
#pragma once

#include "util/arena.h"
#include "util/digest.h"
#include "util/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum disk_kind { DISK_ABSENT, DISK_DIRECTORY, DISK_FILE, DISK_LINK, DISK_OTHER };

struct disk_entry {
	enum disk_kind kind;
	mode_t mode; /* permission bits */
	uid_t uid;
	gid_t gid;
	uint64_t dev, ino;
	int64_t size, mtime_ns, ctime_ns;
};

/* What a folder has beside its mode, and hands down to what is made in it. */
struct disk_heritage {
	const char *access, *defaults; /* its ACLs, in the long text form of acl(5); "": none */
	mode_t default_mode;	       /* that `defaults` give a folder, in place of the umask */
	bool default_named;	       /* `defaults` name more than owner, group and others: files get an ACL, too */
	const void *label;	       /* of SELinux; NULL: none */
	size_t label_len;
};

struct world {
	/* What stands at NAME in the folder DIR (absolute, free of links)? Links are not followed. 0, or -1 with ERR.
	 */
	int (*probe)(void *context, const char *dir, const char *name, struct disk_entry *out, struct err *err);
	/* Where the link at PATH leads in the end. 1: to something that exists, its path free of links in *OUT (the
	 * caller frees it) and its kind in *KIND; 0: it dangles or turns in circles. */
	int (*follow)(void *context, const char *path, char **out, enum disk_kind *kind, struct err *err);
	/* The names in the folder DIR, `.` and `..` left out, until EACH returns non-zero (which is then returned). */
	int (*list)(void *context, const char *dir, int (*each)(void *arg, const char *name), void *arg,
		    struct err *err);
	/* The text of the link NAME in DIR; the caller frees it. NULL: it is gone. */
	char *(*link_text)(void *context, const char *dir, const char *name);
	/* SHA-256 of the file NAME in DIR. 1: it is in OUT; 0: it is gone, no file, or may not be read. */
	int (*digest)(void *context, const char *dir, const char *name, unsigned char out[DIGEST_BYTES],
		      struct err *err);
	/* 1: found, 0: no such user or group. */
	int (*user)(void *context, const char *name, uid_t *out);
	int (*group)(void *context, const char *name, gid_t *out);
	void *context;
	/* Has the host what sets SELinux contexts? -1: ERR says what is missing, and the cure. NULL: yes. */
	int (*label_tools)(void *context, struct err *err);
	/* Has the folder NAME in DIR an ACL of which its mode does not say all? Where there is no `heritage`, there is
	 * not this either. */
	bool (*has_acl)(void *context, const char *dir, const char *name);
	/* What the folder DIR has to hand down; what OUT points to is in ARENA. NULL: nothing. */
	int (*heritage)(void *context, const char *dir, struct arena *arena, struct disk_heritage *out,
			struct err *err);
};

/* The real disk. The caller's: world_disk_free(). */
struct world_disk;
struct world_disk *world_disk_new(struct world *out);
void world_disk_free(struct world_disk *w); /* NULL is fine */
