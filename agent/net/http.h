/* net/http.h - ask a web server, and wait for its answer.
 *
 * By libcurl, in a module that is loaded when the first question is asked (http_module.h says why), from beside the
 * program or from the folder where slipway is installed. Certificates are verified, redirects followed up to a limit
 * and to http and https only, proxies taken from the environment as curl does. Blocks: for workers and hooks, never for
 * the daemon.
 */
#pragma once

#include "util/err.h"
#include "util/str.h"

#include <stdbool.h>
#include <stdint.h>

#define HTTP_MAX_BODY	   (16u * 1024 * 1024)
#define HTTP_MAX_HEADERS   (64u * 1024)
#define HTTP_MAX_REDIRECTS 5

/* All borrowed. */
struct http_request {
	const char *url;
	const char *const *headers; /* "Name: value", NULL-terminated; NULL: none */
	int64_t timeout_ms;	    /* of all of it; > 0 */
	size_t max_body;	    /* bytes */
	int max_redirects;
	bool (*give_up)(void *context); /* asked about once a second; NULL: never */
	void *context;
};

/* Zero-initialise; http_response_done(). */
struct http_response {
	int status;	    /* whatever the server said: 404 is an answer */
	struct str headers; /* of the last answer: lines "name: value", names in small letters */
	struct str body;
};
void http_response_done(struct http_response *r);

/* No answer: ERR_UNREACHABLE (who, and why), ERR_TIMED_OUT, ERR_STOPPED (give_up said so), ERR_STATE (an answer over a
 * limit), ERR_SYS (the module is not installed). */
int http_get(const struct http_request *request, struct http_response *out, struct err *err);
