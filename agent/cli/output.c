/* cli/output.c - progress lines, and the primitives that the rest of the words is made of. */
#include "cli/output.h"
#include "format/plain.h"
#include "util/auto.h"
#include "util/str.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#define EVENT_COLUMNS  18 /* BeforeBlockTraffic */
#define TEXT_COLUMNS   50 /* seconds stand below one another as long as texts are no longer than this */
#define BAR_COLUMNS    20
#define LINE_MAX_BYTES (64 * 1024)
#define SAY_AGAIN_MS   10000

static int64_t monotonic_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail for this clock */
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static unsigned terminal_width(int fd)
{
	struct winsize size;

	return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20 ? size.ws_col : 80;
}

void output_init(struct output *o, FILE *to)
{
	const char *no_colour = getenv("NO_COLOR");
	const char *term = getenv("TERM");
	bool clever = isatty(fileno(to)) && (!term || strcmp(term, "dumb"));

	*o = (struct output){
		.to = to,
		.live = clever,
		.colour = clever && !(no_colour && *no_colour),
		.width = terminal_width(fileno(to)),
		.now_ms = monotonic_ms,
	};
}

static void undraw(struct output *o)
{
	if (o->drawn)
		(void)fputs("\r\033[K", o->to); /* nobody to tell when the screen is gone */
	o->drawn = false;
}

void output_done(struct output *o)
{
	undraw(o);
	(void)fflush(o->to);
	free(o->live_text);
	o->live_text = NULL;
	o->event[0] = '\0';
}

/* Columns of a printable text: its characters, which is right for all but wide ones. */
static size_t columns(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += (*text & 0xc0) != 0x80;
	return n;
}

/* Bytes of TEXT that fill at most MAX columns. */
static size_t bytes_in_columns(const char *text, size_t max)
{
	size_t i = 0, n = 0;

	for (; text[i]; i++)
		if ((text[i] & 0xc0) != 0x80 && n++ == max)
			break;
	return i;
}

/* TEXT of a stranger on one line. The caller frees it. */
static char *one_line(const char *text)
{
	char *out = plain_text(text, LINE_MAX_BYTES / 4);

	for (char *p = out; *p; p++)
		if (*p == '\n' || *p == '\t')
			*p = ' ';
	for (size_t len = strlen(out); len && out[len - 1] == ' ';)
		out[--len] = '\0';
	return out;
}

/* "Install          812 files    0.21 s"; SECONDS below 0: without them. */
static void compose(const struct output *o, struct str *line, const char *event, const char *text, double seconds)
{
	size_t pad = columns(text) < TEXT_COLUMNS ? TEXT_COLUMNS - columns(text) : 0;

	if (o->prefix)
		(void)str_printf(line, "%s  ", o->prefix);
	if (seconds < 0) {
		(void)str_printf(line, "%-*s  %s", EVENT_COLUMNS, event, text);
		return;
	}
	(void)str_printf(line, "%-*s  %s%*s%6.2f s", EVENT_COLUMNS, event, text, (int)pad + 1, "", seconds);
}

static double running_seconds(const struct output *o)
{
	return (double)(o->now_ms() - o->event_since_ms) / 1000;
}

static void draw(struct output *o)
{
	AUTO(str_done) struct str line = STR_INIT(LINE_MAX_BYTES);

	if (!o->live || !o->event[0])
		return;
	undraw(o);
	compose(o, &line, o->event, o->live_text ? o->live_text : "", running_seconds(o));
	(void)fwrite(str_text(&line), 1, bytes_in_columns(str_text(&line), o->width - 1), o->to);
	(void)fflush(o->to);
	o->drawn = true;
}

static void print_line(struct output *o, const struct str *line)
{
	undraw(o);
	(void)fprintf(o->to, "%s\n", str_text(line));
	draw(o);
	(void)fflush(o->to);
}

static void begin(struct output *o, const char *event, const char *text)
{
	(void)snprintf(o->event, sizeof(o->event), "%s", event);
	o->event_since_ms = o->now_ms();
	o->doing_said_ms = 0;
	free(o->live_text);
	o->live_text = xstrdup(text);
	draw(o);
}

static void begin_unless_running(struct output *o, const char *event)
{
	if (strncmp(o->event, event, sizeof(o->event) - 1))
		begin(o, event, "");
}

static const char *event_words(enum event_status status)
{
	return status == EVENT_SUCCEEDED ? "done" : status == EVENT_FAILED ? "failed" : event_status_name(status);
}

void output_event(struct output *o, const char *event, enum event_status status, const char *text)
{
	AUTO_FREE char *name = one_line(event);
	AUTO_FREE char *words = one_line(text);
	AUTO(str_done) struct str line = STR_INIT(LINE_MAX_BYTES);

	if (status == EVENT_PENDING || (status == EVENT_SKIPPED && !*words))
		return;
	if (status == EVENT_IN_PROGRESS) {
		begin(o, name, words);
		return;
	}

	bool timed = !strncmp(o->event, name, sizeof(o->event) - 1);
	double seconds = timed ? running_seconds(o) : -1;

	if (!*words) {
		free(words);
		words = xstrdup(event_words(status));
	} else if (status == EVENT_FAILED) {
		char *failed = xasprintf("failed: %s", words);

		free(words);
		words = failed;
	}
	compose(o, &line, name, words, seconds);
	o->event[0] = '\0';
	print_line(o, &line);
}

void output_note(struct output *o, const char *event, const char *text)
{
	AUTO_FREE char *name = one_line(event);
	AUTO_FREE char *words = one_line(text);
	AUTO(str_done) struct str line = STR_INIT(LINE_MAX_BYTES);

	compose(o, &line, name, words, -1);
	print_line(o, &line);
}

void output_doing(struct output *o, const char *event, const char *text)
{
	AUTO_FREE char *name = one_line(event);
	AUTO_FREE char *words = one_line(text);
	int64_t now = o->now_ms();

	begin_unless_running(o, name);
	if (o->live) {
		free(o->live_text);
		o->live_text = TAKE_PTR(words);
		draw(o);
	} else if (*words && (!o->doing_said_ms || now - o->doing_said_ms >= SAY_AGAIN_MS)) {
		o->doing_said_ms = now;
		output_note(o, event, text);
	}
}

void output_format_bytes(uint64_t bytes, char out[32])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double n = (double)bytes;
	size_t unit = 0;

	for (; n >= 1024 && unit + 1 < ARRAY_LEN(units); unit++)
		n /= 1024;
	(void)snprintf(out, 32, unit ? "%.1f %s" : "%.0f %s", n, units[unit]);
}

static char *bar(double share)
{
	char cells[BAR_COLUMNS + 1];
	int full = (int)(share * BAR_COLUMNS);

	for (int i = 0; i < BAR_COLUMNS; i++)
		cells[i] = i < full ? '#' : '-';
	cells[BAR_COLUMNS] = '\0';
	return xasprintf("[%s] %3.0f %%", cells, share * 100);
}

void output_work(struct output *o, const char *event, uint64_t files, uint64_t files_total, uint64_t bytes,
		 uint64_t bytes_total)
{
	AUTO_FREE char *name = one_line(event);
	uint64_t total = bytes_total ? bytes_total : files_total;
	char done[32], all[32];

	if (!o->live)
		return; /* a pipe gets one line at the end of the event */
	begin_unless_running(o, name);
	output_format_bytes(bytes, done);
	output_format_bytes(bytes_total, all);
	free(o->live_text);
	if (total) {
		double share = (double)(bytes_total ? bytes : files) / (double)total;
		AUTO_FREE char *drawn_bar = bar(share > 1 ? 1 : share);

		o->live_text = xasprintf("%s  %llu/%llu files  %s/%s", drawn_bar, (unsigned long long)files,
					 (unsigned long long)files_total, done, all);
	} else { /* a bundle being unpacked: only its end tells how much it holds */
		o->live_text = xasprintf("%llu files  %s", (unsigned long long)files, done);
	}
	draw(o);
}

void output_tick(struct output *o)
{
	draw(o);
}

static void labelled_text(struct output *o, const char *label, const char *colour, const char *text)
{
	AUTO(str_done) struct str line = STR_INIT(2 * LINE_MAX_BYTES);
	AUTO_FREE char *clean = plain_text(text, LINE_MAX_BYTES / 4);

	(void)str_printf(&line, "%s%s%s%s", o->colour ? colour : "", label, o->colour && *colour ? "\033[0m" : "",
			 clean);
	print_line(o, &line);
}

__attribute__((format(printf, 4, 0))) static void labelled(struct output *o, const char *label, const char *colour,
							   const char *fmt, va_list ap)
{
	AUTO(str_done) struct str text = STR_INIT(LINE_MAX_BYTES);

	if (str_vprintf(&text, fmt, ap) < 0)
		(void)str_add(&text, "(a message that is too long)");
	labelled_text(o, label, colour, str_text(&text));
}

void output_error(struct output *o, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	labelled(o, "error: ", "\033[1;31m", fmt, ap);
	va_end(ap);
}

void output_warning(struct output *o, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	labelled(o, "warning: ", "\033[33m", fmt, ap);
	va_end(ap);
}

void output_line(struct output *o, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	labelled(o, "", "", fmt, ap);
	va_end(ap);
}

void output_refusal(struct output *o, const char *code, const char *message, const char *action)
{
	AUTO_FREE char *advice = action ? one_line(action) : NULL;
	AUTO_FREE char *name = one_line(code);
	bool known = strcmp(name, err_code(ERR_SYS)) != 0;
	AUTO_FREE char *label = known ? xasprintf("error[%s]: ", name) : xstrdup("error: ");

	labelled_text(o, label, "\033[1;31m", message);
	if (advice && *advice)
		output_line(o, "  next: %s", advice);
}
