/* lifecycle/log_file.h - files that lines are added to and that never outgrow their limit: capped and rotated.
 *
 * A capped file keeps its head (half of the limit) and its newest lines in their order; a line between them says how
 * many bytes are missing. When it is full, all between head and the newest quarter goes. It needs no state but the
 * file, so the next process goes on with it; memory is a fixed buffer. A rotated file is renamed to NAME.0 when it is
 * full, .0 to .1 and so on; several processes may add to it. All calls return -1 with errno, and may be tried again.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define ROTATED_FILES 8 /* the current one, .0 ... .6 */

struct capped_file {
	int fd; /* -1: not open */
	uint64_t size, max;
};
int capped_file_open(struct capped_file *f, int dir_fd, const char *name, uint64_t max);
/* STAMP begins the line about missing bytes. */
int capped_file_add(struct capped_file *f, const char *stamp, const char *bytes, size_t len);

struct rotated_file {
	int fd;	    /* -1: not open */
	int dir_fd; /* borrowed */
	const char *name;
	uint64_t max;
};
/* Opens it when needed; a new file begins with the line FIRST. BYTES are whole lines. */
int rotated_file_add(struct rotated_file *f, const char *first, const char *bytes, size_t len);
