/* bundle/gunzip_zlib.c - gzip by zlib. */
#include "bundle/gunzip.h"

#include "util/str.h"

#include <stdlib.h>
#include <zlib.h>

static void *zlib_create(void)
{
	z_stream *z = xcalloc(1, sizeof(*z));

	if (inflateInit2(z, 15 + 16) == Z_OK) /* 16: with gzip's header, length and CRC, all checked */
		return z;
	free(z);
	return NULL;
}

static void zlib_destroy(void *state)
{
	(void)inflateEnd(state); /* only frees */
	free(state);
}

static void zlib_restart(void *state)
{
	(void)inflateReset(state); /* fails only for a stream that was never set up */
}

static int zlib_step(void *state, struct gunzip_io *io, const char **why)
{
	z_stream *z = state;

	z->next_in = (unsigned char *)io->in; /* zlib only reads it */
	z->avail_in = (unsigned)io->in_len;
	z->next_out = io->out;
	z->avail_out = (unsigned)io->out_len;

	int r = inflate(z, Z_NO_FLUSH);

	*io = (struct gunzip_io){ z->next_in, z->avail_in, z->next_out, z->avail_out };
	if (r == Z_STREAM_END)
		return 1;
	if (r == Z_OK || r == Z_BUF_ERROR)
		return 0;
	*why = z->msg ? z->msg : "cannot be unpacked";
	return -1;
}

const struct gunzip_backend gunzip_zlib = { "zlib", zlib_create, zlib_destroy, zlib_restart, zlib_step };
