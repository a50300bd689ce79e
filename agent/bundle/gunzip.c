/* bundle/gunzip.c - which libraries for gzip this build has. */
#include "bundle/gunzip.h"

const struct gunzip_backend *const gunzip_backends[] = {
#ifdef SLIPWAY_HAVE_ISAL
	&gunzip_isal,
#endif
	&gunzip_zlib,
	NULL,
};
