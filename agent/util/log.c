/* util/log.c - lines to stderr, with the priority prefix that systemd's journal understands when it listens. */
#include "util/log.h"

#include "util/str.h"

#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

static enum log_level threshold = LOG_LEVEL_WARNING;

void log_set_level(enum log_level level)
{
	threshold = level;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	static const char *const journal_prefix[] = { "<3>", "<4>", "<6>", "<7>" }; /* sd-daemon(3) */
	static const char *const plain_prefix[] = { "error: ", "warning: ", "", "debug: " };
	struct str raw = STR_INIT(8192), line = STR_INIT(32768);
	va_list ap;

	if (level > threshold)
		return;
	va_start(ap, fmt);
	(void)str_vprintf(&raw, fmt, ap); /* a line over the limit is dropped, not cut into something else */
	va_end(ap);
	(void)str_add(&line, getenv("JOURNAL_STREAM") ? journal_prefix[level] : plain_prefix[level]);
	(void)str_append_printable(&line, str_text(&raw), raw.len);
	(void)str_add(&line, "\n");
	if (write(STDERR_FILENO, str_text(&line), line.len) < 0) {
		/* nowhere to tell it */
	}
	str_done(&raw);
	str_done(&line);
}
