/* lifecycle/hook_output.h - one pipe of a hook, cut into lines for the log. Memory is fixed, whatever comes. */
#pragma once

#include "lifecycle/script_log.h"

#include <stddef.h>
#include <stdint.h>

#define HOOK_LINE_MAX  (64 * 1024) /* bytes kept of a line; the rest is counted and dropped */
#define HOOK_READ_SIZE (128 * 1024)

struct hook_output {
	int fd; /* read end, not blocking; -1: at its end */
	enum script_stream stream;
	struct script_log *log;
	void (*before)(void *context); /* called when bytes have come, before they are looked at; NULL: nobody asks */
	void *context;
	char *buffer; /* HOOK_READ_SIZE */
	char *line;   /* HOOK_LINE_MAX; the beginning of a line whose end has not come */
	size_t len;
	uint64_t dropped;
};

/* A pipe: the read end stays, the write end (blocking) is the caller's, in *WRITE_END. -1 and errno. */
int hook_output_open(struct hook_output *o, enum script_stream stream, struct script_log *log, int *write_end);
/* One read. 1: there may be more; 0: nothing for now, or the end (then fd is -1). */
int hook_output_read(struct hook_output *o);
/* What came of the last line goes to the log as it is. */
void hook_output_close(struct hook_output *o);
