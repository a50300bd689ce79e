/* net/http.h - ask a web server, and wait for its answer.
 *
 * By libcurl, in a module that is loaded when the first question is asked (http_module.h says why), from beside the
 * program or from the folder where slipway is installed. Certificates are verified, redirects followed up to a limit
 * and to http and https only, proxies taken from the environment as curl does. User and password go to the host that
 * was named, to no other that it redirects to. Blocks: for workers and hooks, never for the daemon.
 */
#pragma once

#include "util/err.h"
#include "util/str.h"

#include <stdbool.h>
#include <stdint.h>

#define HTTP_MAX_BODY	   (16u * 1024 * 1024)
#define HTTP_MAX_HEADERS   (64u * 1024)
#define HTTP_MAX_REDIRECTS 5
#define HTTP_CONNECT_MS	   10000

/* All borrowed. */
struct http_request {
	const char *url;
	const char *name;	    /* of the URL in messages; NULL: the URL */
	const char *method;	    /* NULL: GET */
	const char *const *headers; /* "Name: value", NULL-terminated; NULL: none */
	const char *body;	    /* NULL: none */
	size_t body_len;
	const char *user, *password; /* basic authentication; NULL: none */
	const char *ca;		     /* file of the certificates to trust, PEM; NULL: those of the host */
	const char *unix_socket;     /* where the server listens; NULL: at the URL's host */
	int64_t timeout_ms;	     /* of all of it; > 0 */
	int64_t connect_ms;	     /* of that, until there is a connection; > 0 */
	uint64_t max_body;	     /* bytes */
	int max_redirects;	     /* 0: a redirect is an answer like others */
	/* Takes the answer's body piece by piece. 1: taken; 0: it shall go to response->body; -1: ERR says why the
	 * exchange ends. NULL: all goes to response->body. */
	int (*sink)(void *context, int status, const char *bytes, size_t len, struct err *err);
	void *sink_context;
	bool (*give_up)(void *context); /* asked about once a second; NULL: never */
	void *context;
};

/* Zero-initialise; http_response_done(). */
struct http_response {
	int status;	    /* whatever the server said: 404 is an answer */
	struct str headers; /* of the last answer: lines "name: value", names in small letters */
	struct str body;    /* at most HTTP_MAX_BODY */
};
void http_response_done(struct http_response *r);

/* No answer: ERR_UNREACHABLE (who, and why), ERR_TIMED_OUT, ERR_STOPPED (give_up said so), ERR_STATE (an answer over a
 * limit, a request that libcurl does not understand), ERR_SYS (the module is not installed), and what the sink said. */
int http_exchange(const struct http_request *request, struct http_response *out, struct err *err);
/* Load the module now, for this process and those that it forks: ten milliseconds that http_exchange() need not take.
 */
void http_prepare(void);
/* "GET http://127.0.0.1/", for messages; the caller frees it. */
char *http_request_name(const struct http_request *request);
