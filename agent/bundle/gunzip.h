/* bundle/gunzip.h - unpacks one member of a gzip file after the other: two libraries behind one table.
 *
 * ISA-L takes less than half of zlib's time, and is used where it was there when slipway was built. Both check the
 * header, the length and the CRC, and accept the same files (but a code with gaps, when nothing uses them, is refused
 * by zlib alone); tests/unit/test_gunzip.c compares them.
 * Source: RFC 1952, spec/performance-limits.md section 4.
 */
#pragma once

#include <stddef.h>

struct gunzip_io {
	const unsigned char *in;
	size_t in_len;
	unsigned char *out;
	size_t out_len;
};

struct gunzip_backend {
	const char *name;
	void *(*create)(void); /* ready for a member; NULL: it cannot be set up */
	void (*destroy)(void *state);
	void (*restart)(void *state); /* ready for the next member */
	/* Takes from IO->in and puts at IO->out what it can, moving both on. 1: the member is complete and as its
	 * checksum says; 0: it needs more of one or the other; -1: damaged, WHY says how. */
	int (*step)(void *state, struct gunzip_io *io, const char **why);
};

extern const struct gunzip_backend gunzip_zlib, gunzip_isal;
/* Those of this build, the one to use first; NULL is behind the last. */
extern const struct gunzip_backend *const gunzip_backends[];
