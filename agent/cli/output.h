/* cli/output.h - the words on the screen: progress, warnings, errors, results (PRODUCT section 3).
 *
 * Progress is one line an event, the same words on a terminal (where the line of the running event is redrawn) and
 * in a pipe. Everything from outside goes through format/plain.h first. A struct output is a plain value: a test sets
 * it up by hand, with a stream, a width and a clock of its own.
 */
#pragma once

#include "model/deployment.h"

#include <stdio.h>

#define OUTPUT_EVENT_MAX 64

struct output {
	FILE *to;		      /* progress and errors; borrowed */
	bool live;		      /* a terminal: the running event's line is redrawn */
	bool colour;		      /* NO_COLOR is not set, and it is a terminal */
	unsigned width;		      /* of the terminal, columns */
	int64_t (*now_ms)(void);      /* monotonic */
	const char *prefix;	      /* of progress lines: which deployment; NULL: none. Borrowed */
	bool by_daemon;		      /* advise commands that ask the daemon */
	char event[OUTPUT_EVENT_MAX]; /* running, printable; "": none */
	int64_t event_since_ms;
	int64_t doing_said_ms; /* when a pipe was last told what the event does; 0: not yet */
	char *live_text;       /* what the redrawn line says of it; owned */
	bool drawn;	       /* the redrawn line is on the screen */
};

/* For the terminal or pipe behind TO (borrowed), with what NO_COLOR and TERM say. */
void output_init(struct output *o, FILE *to);
void output_done(struct output *o); /* takes the redrawn line away */

void output_event(struct output *o, const char *event, enum event_status status, const char *text);
void output_note(struct output *o, const char *event, const char *text);
/* What a hook of EVENT does now, "": nothing to tell any more: in the redrawn line; a pipe is told when it begins, and
 * then every 10 s at most. */
void output_doing(struct output *o, const char *event, const char *text);
void output_work(struct output *o, const char *event, uint64_t files, uint64_t files_total, uint64_t bytes,
		 uint64_t bytes_total);
void output_tick(struct output *o); /* the seconds of the running event */

/* One line each: "error: ...", "warning: ...", or the text alone. */
void output_error(struct output *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void output_warning(struct output *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void output_line(struct output *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* What was not done, and what to do: "error[CODE]: message", then "  next: action". ACTION NULL: nothing to say. */
void output_refusal(struct output *o, const char *code, const char *message, const char *action);

/* How a deployment ended: its warnings, then one line for a good one, or what, where, evidence, what runs now and
 * what to type next. FOLDER is the deployment's folder (NULL: it has none), HOST this machine's name. */
void output_result(struct output *o, const struct deployment *d, const struct deployment_result *r, const char *folder,
		   const char *host);

/* "10.0 MiB"; OUT has room for 32 bytes. */
void output_format_bytes(uint64_t bytes, char out[32]);
