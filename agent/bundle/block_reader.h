/* bundle/block_reader.h - the bytes of a bundle file in blocks, and the SHA-256 of all of them.
 *
 * Of a big file a thread of its own computes the SHA-256, so that it does not hold up whoever unpacks the blocks.
 */
#pragma once

#include "util/digest.h"
#include "util/err.h"

#include <stdbool.h>
#include <stddef.h>

struct block_reader;

/* FD is borrowed and read from where it stands. THREADED: if a thread cannot be started, it is done without. */
struct block_reader *block_reader_new(int fd, bool threaded);
void block_reader_free(struct block_reader *b); /* NULL is fine */
/* The next block, valid until the next call. 1, or 0 at the end of the file. */
int block_reader_next(struct block_reader *b, const unsigned char **bytes, size_t *len, struct err *err);
/* Of what was read. Nothing is read afterwards. */
void block_reader_digest(struct block_reader *b, unsigned char out[DIGEST_BYTES]);
