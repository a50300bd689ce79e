/* model/digest_index.h - SHA-256 of files whose content was seen going by, found again by what the file is.
 *
 * A file counts as the one that was hashed when inode, size and ctime are as they were: whoever changes the content
 * or anything else about it changes the ctime. All files of one index lie on one file system. Add and find may be
 * called from several threads at once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIGEST_SIZE 32

struct digest_index;

struct digest_index *digest_index_new(void);
void digest_index_free(struct digest_index *ix); /* NULL is fine */
/* A second digest for the same inode replaces the first. */
void digest_index_add(struct digest_index *ix, uint64_t ino, int64_t size, int64_t ctime_ns,
		      const unsigned char digest[DIGEST_SIZE]);
bool digest_index_find(struct digest_index *ix, uint64_t ino, int64_t size, int64_t ctime_ns,
		       unsigned char digest[DIGEST_SIZE]);
