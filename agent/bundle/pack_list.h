/* bundle/pack_list.h - what goes into a bundle, in its order, and reading it without being fooled by changes. */
#pragma once

#include "bundle/pack.h"
#include "model/tree.h"

#include <stddef.h>

struct pack_item {
	const struct tree_entry *entry;
	char *path;	  /* below the folder; owned by the list */
	const char *text; /* where a link leads */
	int64_t mtime_s;
};

struct pack_list {
	int dir_fd; /* borrowed */
	const struct pack_options *options;
	struct tree tree;
	struct pack_item *items;
	size_t count;
};

/* What is not to be packed: NAME in the folder DIR_FD, the bundle itself. */
struct pack_except {
	int dir_fd;
	const char *name;
};

/* LIST is the caller's whatever happens: pack_list_done(). Refuses what cannot be packed; counts go to REPORT. */
int pack_list_make(int dir_fd, const struct pack_except *except, const struct pack_options *options,
		   struct pack_list *list, struct pack_report *report, struct err *err);
void pack_list_done(struct pack_list *list);

/* The file ITEM opened for reading: a descriptor; ERR_BUNDLE when it is not what was listed any more. */
int pack_item_open(const struct pack_list *list, const struct pack_item *item, struct err *err);
/* After reading it through FD: is it still what was listed? */
int pack_item_check(const struct pack_item *item, int fd, struct err *err);
/* Up to LEN bytes; -1 also when somebody asks to stop. */
ssize_t pack_item_read(const struct pack_list *list, const struct pack_item *item, int fd, void *bytes, size_t len,
		       struct err *err);
