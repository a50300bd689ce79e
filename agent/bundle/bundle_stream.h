/* bundle/bundle_stream.h - the bytes of a bundle file, unpacked by gzip or zstd, and its SHA-256 on the way.
 *
 * The content decides what it is, not the name. What follows the compressed data is ignored, as gzip and tar do.
 * gzip goes through gunzip.h, since libarchive's filter does not compare the checksum; zstd through libarchive, with a
 * window of at most 8 MiB (PRODUCT section 5).
 */
#pragma once

#include "util/digest.h"
#include "util/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUNDLE_SUPPORTED "tar, tar.gz (tgz), tar.zst and zip"

struct bundle_stream;

/* ERR_SOURCE: PATH cannot be opened; ERR_BUNDLE: no regular file, empty, or of a kind that is not supported (which
 * the message names). THREADS: a big file is hashed by another one. The caller owns *OUT: bundle_stream_free(). */
int bundle_stream_open(const char *path, bool threads, struct bundle_stream **out, struct err *err);
void bundle_stream_free(struct bundle_stream *s); /* NULL is fine */
/* The next bytes, valid until the next call. 1: some, 0: the end; ERR_BUNDLE when damaged or cut short. */
int bundle_stream_next(struct bundle_stream *s, const void **bytes, size_t *len, struct err *err);
/* "tar" (or whatever else is not compressed), "tgz", "tar.zst" or "zip". */
const char *bundle_stream_type(const struct bundle_stream *s);
/* A zip is unpacked by who reads it: its bytes are handed out as they stand, and its list is at its end. */
bool bundle_stream_is_zip(const struct bundle_stream *s);
int bundle_stream_fd(const struct bundle_stream *s);	      /* of the file; borrowed, to be read with pread() only */
uint64_t bundle_stream_packed(const struct bundle_stream *s); /* bytes read of the file so far */
uint64_t bundle_stream_unpacked(const struct bundle_stream *s); /* bytes handed out so far */
/* Reads what is left of the file and tells the digest of all of it. */
int bundle_stream_digest(struct bundle_stream *s, unsigned char out[DIGEST_BYTES], struct err *err);

static inline void bundle_stream_freep(struct bundle_stream **s)
{
	bundle_stream_free(*s);
}
