/* tests/crash/inodes.h - what the oracle knows of each inode that was touched: what of it may still be lost. */
#pragma once

#include <sys/stat.h>

#define INODE_BUCKETS 1024

/* Moments are numbers of one clock that every change advances; 0: flushed. */
struct inode {
	struct inode *next;
	dev_t dev;
	ino_t ino;
	char *path;	       /* where it was last touched, for messages; owned */
	unsigned long self;    /* when content or attributes were last changed */
	unsigned long added;   /* of a folder: when a name was last added */
	unsigned long removed; /* of a folder: when a name was last taken away */
	unsigned long flushed; /* of a folder: names given up to here are flushed */
	unsigned long named;   /* when it got the name it has; 0: before the oracle looked */
	unsigned long born;    /* when it was created; 0: before the oracle looked */
};

struct inodes {
	struct inode *buckets[INODE_BUCKETS];
};

void inodes_done(struct inodes *t);
struct inode *inodes_find(const struct inodes *t, dev_t dev, ino_t ino); /* NULL: never touched */
struct inode *inodes_get(struct inodes *t, const struct stat *st);	 /* added when it is new */
void inodes_forget(struct inodes *t, const struct stat *st);		 /* its number may be used again */
void inodes_each(const struct inodes *t, void (*fn)(void *context, struct inode *n), void *context);
