/* script/line_client.h - talk to a Unix socket or a TCP port: send text, take lines or bytes.
 *
 * Blocks, with a limit on every call: TIMEOUT_MS, and give_up(), which is asked ten times a second and whenever a
 * signal comes. Only the look-up of a host's name knows no limit but its own (resolv.conf): for processes that somebody
 * supervises. What comes in has limits, too.
 * Errors of all functions: ERR_UNREACHABLE (nobody is there; sys has the reason), ERR_TIMED_OUT, ERR_STOPPED (give_up
 * said so), ERR_STATE (over a limit), ERR_SYS (the connection broke).
 */
#pragma once

#include "util/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINE_CLIENT_MAX_LINE (64u * 1024)
#define LINE_CLIENT_MAX_ALL  (16u * 1024 * 1024)

/* All borrowed; PATH for a Unix socket, HOST and PORT for TCP. */
struct line_address {
	const char *path;
	const char *host, *port; /* names or numbers, as getaddrinfo(3) takes them */
};

struct line_limits {
	int64_t timeout_ms;		/* of one call; > 0 */
	bool (*give_up)(void *context); /* NULL: never */
	void *context;
};

struct line_client;

/* "/run/x.sock" or "host:port", for messages; cut to SIZE. */
void line_address_text(const struct line_address *a, char *out, size_t size);
/* TCP tries every address of the host. LIMITS is copied. The caller owns OUT: line_client_free(). */
int line_client_open(const struct line_address *a, const struct line_limits *limits, struct line_client **out,
		     struct err *err);
void line_client_free(struct line_client *c); /* NULL is fine */
int line_client_send(struct line_client *c, const char *bytes, size_t len, struct err *err);

/* These take what came in, in its order. 0: the other side has ended, and nothing is left; 1: *OUT and *LEN are what
 * was asked for, borrowed until the next call. */

/* Without its end, "\n" or "\r\n". A last line need not have one. */
int line_client_line(struct line_client *c, const char **out, size_t *len, struct err *err);
/* COUNT bytes, at most LINE_CLIENT_MAX_ALL; fewer when the other side ends. */
int line_client_read(struct line_client *c, size_t count, const char **out, size_t *len, struct err *err);
/* Everything until the other side ends. Always 1: it may be nothing. */
int line_client_all(struct line_client *c, const char **out, size_t *len, struct err *err);
