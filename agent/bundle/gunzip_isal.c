/* bundle/gunzip_isal.c - gzip by Intel's ISA-L, which has assembly for x86-64 and arm64. */
#include "bundle/gunzip.h"

#include "util/str.h"

#include <isa-l/igzip_lib.h>
#include <stdbool.h>
#include <stdlib.h>

enum { RESERVED_FLAGS = 0xe0 };

struct member {
	struct inflate_state inflate;
	struct isal_gzip_header
		header; /* kept between calls: isal_inflate() itself forgets a header it saw a part of */
	bool header_read;
};

static void isal_restart(void *state)
{
	struct member *m = state;

	isal_inflate_init(&m->inflate);
	m->inflate.crc_flag = ISAL_GZIP_NO_HDR_VER; /* the header is read here; length and CRC are checked */
	isal_gzip_header_init(&m->header);
	m->header_read = false;
}

static void *isal_create(void)
{
	struct member *m = xcalloc(1, sizeof(*m));

	isal_restart(m);
	return m;
}

/* In zlib's words, so that a message does not depend on the library. */
static const char *reason(int r)
{
	switch (r) {
	case ISAL_INVALID_BLOCK:
		return "invalid block";
	case ISAL_INVALID_SYMBOL:
		return "invalid code";
	case ISAL_INVALID_LOOKBACK:
		return "invalid distance too far back";
	case ISAL_INVALID_WRAPPER:
		return "incorrect header check";
	case ISAL_UNSUPPORTED_METHOD:
		return "unknown compression method";
	case ISAL_INCORRECT_CHECKSUM:
		return "incorrect data check";
	default:
		return "cannot be unpacked";
	}
}

/* 1: the header is complete; 0: there is more to come. */
static int read_header(struct member *m, const char **why)
{
	int r = isal_read_gzip_header(&m->inflate, &m->header);

	if (r < 0) {
		*why = reason(r);
		return -1;
	}
	m->header_read = r == ISAL_DECOMP_OK;
	if (m->header_read && (m->header.flags & RESERVED_FLAGS)) { /* RFC 1952: refuse them, they may mean a field */
		*why = "unknown header flags set";
		return -1;
	}
	return m->header_read;
}

static int unpack(struct member *m, const char **why)
{
	if (!m->header_read) {
		int found = read_header(m, why);

		if (found <= 0)
			return found;
	}

	int r = isal_inflate(&m->inflate);

	if (r < 0) {
		*why = reason(r);
		return -1;
	}
	return m->inflate.block_state == ISAL_BLOCK_FINISH;
}

static int isal_step(void *state, struct gunzip_io *io, const char **why)
{
	struct member *m = state;
	struct inflate_state *s = &m->inflate;

	s->next_in = (unsigned char *)io->in; /* ISA-L only reads it */
	s->avail_in = (uint32_t)io->in_len;
	s->next_out = io->out;
	s->avail_out = (uint32_t)io->out_len;

	int r = unpack(m, why);

	*io = (struct gunzip_io){ s->next_in, s->avail_in, s->next_out, s->avail_out };
	return r;
}

const struct gunzip_backend gunzip_isal = { "ISA-L", isal_create, free, isal_restart, isal_step };
