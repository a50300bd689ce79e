/* bundle/zip_input.h - the bytes of a zip file for libzip, which goes to and fro in them. */
#pragma once

#include "util/err.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <zip.h>

struct zip_input {
	int fd; /* borrowed; its position is never used */
	struct stat st;
	uint64_t at;
	zip_error_t error;
	uint64_t window_at; /* most reads are of a few bytes: these come from here */
	size_t window_len;
	unsigned char window[32 * 1024];
};

int zip_input_init(struct zip_input *in, int fd, struct err *err);
/* Up to LEN bytes from offset AT on: as many as it were, 0 at the end, -1 and errno. */
ssize_t zip_input_read(struct zip_input *in, void *bytes, size_t len, uint64_t at);
/* IN must outlive it. NULL: libzip cannot, and ERROR says why. */
zip_source_t *zip_input_source(struct zip_input *in, zip_error_t *error);
