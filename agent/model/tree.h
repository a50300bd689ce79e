/* model/tree.h - the listing of a folder: what stands below it, without contents.
 *
 * A flat array, parents before children, children of one folder together and sorted by the bytes of their names, so
 * that the same folder always lists the same. Entry 0 is the folder itself (name ""). Names and link texts are bytes,
 * NUL-terminated in one pool. About 64 bytes an entry and its name, since a bundle may have a million.
 */
#pragma once

#include "util/err.h"

#include <stdint.h>
#include <sys/types.h>

enum tree_type { TREE_DIRECTORY, TREE_FILE, TREE_LINK, TREE_OTHER };

#define TREE_NONE UINT32_MAX

struct tree_entry {
	uint32_t parent; /* index; the root is its own parent */
	uint32_t name;	 /* offset in the pool; see tree_name() */
	uint32_t text;	 /* of a link: offset of where it leads; else 0 */
	uint32_t first;	 /* of a directory: index of its first child; its children stand together */
	uint32_t count;	 /* of a directory: how many children */
	uint32_t uid, gid;
	uint16_t mode; /* permission bits, 07777 at most */
	uint8_t type;  /* enum tree_type */
	uint64_t ino;
	int64_t size;		    /* of a file, bytes */
	int64_t mtime_ns, ctime_ns; /* since 1970 */
};

struct tree {
	struct tree_entry *entries;
	uint32_t count, capacity;
	char *pool;
	size_t pool_len, pool_cap;
};

/* List the folder DIR_FD (borrowed) and all below it; links are listed, never followed. OUT is the caller's:
 * tree_done(). Sockets, devices and the like are listed as TREE_OTHER. ERR_BUNDLE over MAX_ENTRIES. */
int tree_scan(int dir_fd, uint32_t max_entries, struct tree *out, struct err *err);
void tree_done(struct tree *t);

const char *tree_name(const struct tree *t, uint32_t index);
const char *tree_link_text(const struct tree *t, uint32_t index);
/* The child of DIR called NAME (LEN bytes), or TREE_NONE. */
uint32_t tree_child(const struct tree *t, uint32_t dir, const char *name, size_t len);
/* The entry at PATH, slash-separated, relative to the root; empty and "." parts are skipped, ".." goes up but never
 * out. Links to folders inside the tree are followed (at most 40, as the kernel does). TREE_NONE: not there. */
uint32_t tree_find(const struct tree *t, const char *path);
/* Where the link INDEX leads, inside the tree only: TREE_NONE when it dangles, leads out or turns in circles. */
uint32_t tree_resolve(const struct tree *t, uint32_t index);
/* The path of INDEX relative to the root ("" for the root); the caller frees it. */
char *tree_path(const struct tree *t, uint32_t index);
