/* lifecycle/hook_output.c - bytes of a pipe to lines of the log. */
#include "lifecycle/hook_output.h"

#include "util/auto.h"
#include "util/str.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

int hook_output_open(struct hook_output *o, enum script_stream stream, struct script_log *log, int *write_end)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	(void)fcntl(ends[0], F_SETFL, O_NONBLOCK); /* of this end alone: each has a description of its own */
	(void)fcntl(ends[0], F_SETPIPE_SZ, 2 * HOOK_READ_SIZE); /* fewer switches; a smaller one does too */
	*o = (struct hook_output){ .fd = ends[0],
				   .stream = stream,
				   .log = log,
				   .buffer = xmalloc(HOOK_READ_SIZE),
				   .line = xmalloc(HOOK_LINE_MAX + 128) };
	*write_end = ends[1];
	return 0;
}

/* Keep what fits of the beginning of a line. */
static void keep(struct hook_output *o, const char *bytes, size_t len)
{
	size_t n = len < HOOK_LINE_MAX - o->len ? len : HOOK_LINE_MAX - o->len;

	memcpy(o->line + o->len, bytes, n);
	o->len += n;
	o->dropped += len - n;
}

static void end_line(struct hook_output *o, bool newline)
{
	/* what is left of a secret that was cut would not be known as one */
	size_t begun = o->dropped ? mask_partial(script_log_mask(o->log), o->line, o->len) : 0;
	size_t len = o->len - begun;

	o->dropped += begun;
	if (o->dropped)
		len += (size_t)snprintf(o->line + len, 100, " [%" PRIu64 " more bytes of this line are left out]",
					o->dropped); /* room is kept for it */
	if (newline)
		o->line[len++] = '\n';
	if (len)
		script_log_line(o->log, o->stream, o->line, len);
	o->len = 0;
	o->dropped = 0;
}

static void close_pipe(struct hook_output *o)
{
	auto_closep(&o->fd);
	o->fd = -1;
}

static void split(struct hook_output *o, const char *p, size_t left)
{
	while (left) {
		const char *newline = memchr(p, '\n', left);
		size_t n = newline ? (size_t)(newline - p) : left;

		if (newline && !o->len && n <= HOOK_LINE_MAX) {
			script_log_line(o->log, o->stream, p, n + 1); /* the common case: no copy */
		} else {
			keep(o, p, n);
			if (newline)
				end_line(o, true);
		}
		n += newline != NULL;
		p += n;
		left -= n;
	}
}

int hook_output_read(struct hook_output *o)
{
	ssize_t n = read(o->fd, o->buffer, HOOK_READ_SIZE);

	if (n > 0) {
		if (o->before)
			o->before(o->context);
		script_log_tick(o->log);
		split(o, o->buffer, (size_t)n);
		return 1;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	close_pipe(o);
	return 0;
}

void hook_output_close(struct hook_output *o)
{
	if (o->line) {
		script_log_tick(o->log);
		end_line(o, false);
	}
	close_pipe(o);
	free(TAKE_PTR(o->buffer));
	free(TAKE_PTR(o->line));
}
