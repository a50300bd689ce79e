/* tests/crash/inodes.c - a hash table of inodes. */
#include "inodes.h"

#include "util/str.h"

#include <stdlib.h>

static struct inode **bucket(const struct inodes *t, dev_t dev, ino_t ino)
{
	return (struct inode **)&t->buckets[(ino ^ dev) % INODE_BUCKETS];
}

static void inode_free(struct inode *n)
{
	free(n->path);
	free(n);
}

void inodes_done(struct inodes *t)
{
	for (size_t i = 0; i < INODE_BUCKETS; i++)
		for (struct inode *n = t->buckets[i], *next; n; n = next) {
			next = n->next;
			inode_free(n);
		}
	*t = (struct inodes){ 0 };
}

struct inode *inodes_find(const struct inodes *t, dev_t dev, ino_t ino)
{
	struct inode *n = *bucket(t, dev, ino);

	while (n && (n->ino != ino || n->dev != dev))
		n = n->next;
	return n;
}

struct inode *inodes_get(struct inodes *t, const struct stat *st)
{
	struct inode *n = inodes_find(t, st->st_dev, st->st_ino);
	struct inode **head = bucket(t, st->st_dev, st->st_ino);

	if (n)
		return n;
	n = xcalloc(1, sizeof(*n));
	n->dev = st->st_dev;
	n->ino = st->st_ino;
	n->next = *head;
	return *head = n;
}

void inodes_forget(struct inodes *t, const struct stat *st)
{
	struct inode **at = bucket(t, st->st_dev, st->st_ino);

	while (*at && ((*at)->ino != st->st_ino || (*at)->dev != st->st_dev))
		at = &(*at)->next;
	if (*at) {
		struct inode *gone = *at;

		*at = gone->next;
		inode_free(gone);
	}
}

void inodes_each(const struct inodes *t, void (*fn)(void *context, struct inode *n), void *context)
{
	for (size_t i = 0; i < INODE_BUCKETS; i++)
		for (struct inode *n = t->buckets[i]; n; n = n->next)
			fn(context, n);
}
