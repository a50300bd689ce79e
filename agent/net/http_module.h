/* net/http_module.h - what http.c and the loadable module slipway-http.so say to each other; nobody else includes it.
 *
 * The module is linked to libcurl, whose many libraries take milliseconds and megabytes of every process that is linked
 * to them; so only a process that really speaks HTTP loads it. Nothing of the program is used by the module: whatever
 * it needs comes in the struct.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Raised with every change of this file: an old module in memory or on disk is refused. */
#define HTTP_MODULE_VERSION 3
#define HTTP_MODULE_SYMBOL  "slipway_http_module"
#define HTTP_ERROR_SIZE	    512

enum http_module_result {
	HTTP_DONE,
	HTTP_FAILED,
	HTTP_LATE,
	HTTP_GIVEN_UP,
	HTTP_MISUSED /* the request makes no sense: the URL, the file of certificates */
};

struct http_module_job {
	const char *url, *method;
	const char *const *headers; /* "Name: value", NULL-terminated; NULL: none */
	const char *body_bytes;	    /* NULL: none */
	size_t body_len;
	const char *user, *password, *ca, *unix_socket; /* each may be NULL */
	const char *user_agent;
	long timeout_ms, connect_ms; /* at least 1 */
	long max_redirects;
	/* Borrowed bytes. false: give up (and then the caller knows why). HEADER gets whole lines without their end. */
	bool (*body)(void *context, const char *bytes, size_t len);
	bool (*header)(void *context, const char *line, size_t len);
	bool (*give_up)(void *context);
	void *context;
	long status;		     /* out */
	char error[HTTP_ERROR_SIZE]; /* out: why it failed */
};

struct http_module {
	int version;
	/* What libcurl and its TLS library set up once in a process; exchange() does so else. */
	void (*prepare)(void);
	enum http_module_result (*exchange)(struct http_module_job *job);
};
