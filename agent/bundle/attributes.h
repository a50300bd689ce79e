/* bundle/attributes.h - mode, owner and times of what is unpacked, set with as few calls as there are differences. */
#pragma once

#include "util/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

struct attributes {
	mode_t mode; /* permission bits, 07777 */
	bool set_owner;
	uid_t uid;
	gid_t gid;
	struct timespec mtime;
};

/* Of an open file or folder, and of a link by its name. *ST, if not NULL, is how it stands after the last change. -1
 * and errno. A file system that cannot keep an owner or mode keeps what it can. */
int attributes_apply(int fd, const struct attributes *a, struct stat *st);
int attributes_apply_link(int dir_fd, const char *name, const struct attributes *a);
int64_t attributes_ctime_ns(const struct stat *st);

/* Attributes of folders wait until nothing is written into them any more. */
struct folder_list {
	struct folder *folders;
	size_t count, capacity;
	char *pool;
	size_t pool_len, pool_cap;
};
/* PATH is canonical; of several calls for one path the last one counts. */
void folder_list_add(struct folder_list *list, const char *path, const struct attributes *a);
/* Apply all, deepest first, to the folders beneath ROOT_FD; what is no folder any more is passed over. EXCEPT (NULL:
 * none) is left out. */
int folder_list_apply(struct folder_list *list, int root_fd, const char *except, struct err *err);
/* The attributes for PATH; NULL: none. Only after folder_list_apply(). */
const struct attributes *folder_list_find(const struct folder_list *list, const char *path);
void folder_list_done(struct folder_list *list);
