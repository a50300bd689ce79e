/* tests/crash/oracle.h - is everything flushed that must be, at the moment it must be?
 *
 * Fed with every call of util/fs (observer.h does that), the oracle keeps for each inode that was touched whether
 * content, attributes or directory entries of it may still be lost by a power cut, in the model that promises least:
 *   - create, write, chmod, chown, utimens, truncate, allocate, clone, setacl leave the inode unflushed;
 *   - a new name leaves the folder unflushed as "added", a name taken away as "removed"; nothing flushes a name but
 *     fsync of its folder or syncfs;
 *   - fsync(fd) flushes that inode and what happened to it before the call began (of a folder also the symbolic links
 *     in it, which cannot be opened); syncfs(fd) flushes what was unflushed on that device before the call began.
 * It then refuses:
 *   - a rename or exchange of something unflushed, or of a folder with anything unflushed below it, unless both
 *     folders are private (names only removed below it count when the target is not private);
 *   - a commit record while anything in a private folder, or the name of a private folder, is unflushed;
 *   - a rename, exchange, unlink or rmdir outside private folders between a commit record and its fsync;
 *   - a record that settles a commit (everything is done, or undone) while anything at all is unflushed;
 *   - between a commit record and the fsync of one that settles it: the last name of anything older than the commit
 *     record taken away, wherever it lies, and such a file written to (but for appending) or truncated.
 * Thread-safe. What it found is text: oracle_report(). Where things lie is looked up on the disk when it matters.
 */
#pragma once

#include "util/fs.h"

#include <stdbool.h>
#include <stdio.h>

struct oracle;

enum oracle_word {
	ORACLE_COMMIT = 1,  /* from here on the steps are carried out */
	ORACLE_SETTLED = 2, /* they all are, or all are taken back */
};

struct oracle_rules {
	/* Is FOLDER (absolute) a private staging folder or below one? NULL: none is. */
	bool (*is_private)(void *context, const char *folder);
	/* Which records of a journal does this FS_WRITE hold? Bits of enum oracle_word; FILE is the absolute path
	 * written to. NULL: none. */
	unsigned (*words)(void *context, const struct fs_call *call, const char *file);
	/* Does it not matter whether what CALL renames is durable? (A bundle unpacked into the agent's own state counts
	 * only once the commit is durable.) NULL: it always matters. */
	bool (*is_scratch)(void *context, const struct fs_call *call);
	void *context;
};

struct oracle *oracle_new(const struct oracle_rules *rules); /* copied; its context is borrowed */
void oracle_free(struct oracle *o);			     /* NULL is fine */

/* The two halves of an observer. Before: only for calls that are going to be made. */
void oracle_before(struct oracle *o, const struct fs_call *call);
void oracle_after(struct oracle *o, const struct fs_call *call, int result);

/* The test names a moment: everything at and below PATH must be flushed now. What is not there is clean. */
void oracle_require_clean(struct oracle *o, const char *path, const char *moment);

unsigned oracle_violations(const struct oracle *o);
const char *oracle_report(const struct oracle *o); /* one line each, at most 64; "" when there are none */
