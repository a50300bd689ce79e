/* bundle/write_back.h - sends content of big files to the disk early, so that the flush at the end finds little left.
 *
 * Only a hint: the caller's flush counts, and tells what goes wrong. Telling the kernel takes a while, so a thread of
 * its own does it.
 */
#pragma once

#include <stdint.h>

struct write_back;

/* NULL: no thread could be started; there is no head start then. */
struct write_back *write_back_new(void);
void write_back_free(struct write_back *w); /* NULL is fine; drops what has not begun */
/* FD is borrowed for the call. 0: not now, there is enough to do already; else 1. */
int write_back_range(struct write_back *w, int fd, uint64_t offset, uint64_t len);
