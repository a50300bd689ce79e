/* script/http_call.h - one request as slipway.http makes it: its C half.
 *
 * On top of net/http.h: which answers are expected, and a file that the body goes to. The file appears whole, by a
 * rename, when an expected answer has come to its end; whatever else happens leaves what was there.
 */
#pragma once

#include "net/http.h"
#include "script/files.h"
#include "util/mask.h"

#define HTTP_MAX_EXPECT	 32
#define HTTP_EXCERPT_MAX 800 /* bytes; of the body a quarter of it */

/* Zero-initialise, fill in, run once; http_call_done(). Texts are borrowed. */
struct http_call {
	struct http_request request; /* all but sink and name */
	int expect[HTTP_MAX_EXPECT]; /* statuses; none: any will do (for a file: 200 to 299) */
	size_t expect_count;
	const struct mask *mask; /* what messages must not hold */
	const char *to;		 /* absolute path; NULL: the body stays in the response */
	struct http_response response;
	struct files_stream *file; /* these two are its own */
	char *name;
};
/* Errors of http_exchange(), of files.h, and ERR_STATE for an answer that was not expected. */
int http_call_run(struct http_call *c, struct err *err);
/* The beginning of a body for messages, one line, printable, without secrets. OUT takes HTTP_EXCERPT_MAX bytes. */
void http_excerpt(const struct mask *mask, const char *bytes, size_t len, struct str *out);
void http_call_done(struct http_call *c);
