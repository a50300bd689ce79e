/* net/http.c - finds the module, keeps the answer within its limits. */
#include "net/http.h"

#include "net/http_module.h"
#include "util/auto.h"
#include "util/module.h"

#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct module speaks_http = { "slipway-http.so", HTTP_MODULE_SYMBOL, HTTP_MODULE_VERSION,
					   "what speaks HTTP" };

struct exchange {
	const struct http_request *request;
	struct http_response *response;
	struct err *err;
	uint64_t taken; /* bytes of the body */
	bool body_too_long, headers_too_long, sink_failed;
};

void http_response_done(struct http_response *r)
{
	str_done(&r->headers);
	str_done(&r->body);
}

static bool take_body(void *context, const char *bytes, size_t len)
{
	struct exchange *x = context;
	const struct http_request *r = x->request;
	int taken = 0;

	x->taken += len;
	x->body_too_long = x->taken > r->max_body;
	if (!x->body_too_long && r->sink)
		taken = r->sink(r->sink_context, x->response->status, bytes, len, x->err);
	x->sink_failed = taken < 0;
	if (!x->body_too_long && taken == 0)
		x->body_too_long = str_append(&x->response->body, bytes, len) < 0;
	return !x->body_too_long && !x->sink_failed;
}

/* "HTTP/1.1 503 Service Unavailable" */
static int status_of(const char *line, size_t len)
{
	const char *blank = memchr(line, ' ', len);

	return blank ? (int)strtol(blank, NULL, 10) : 0; /* libcurl ends what it hands out with a NUL */
}

/* A status line begins a new answer: what a redirect said before is forgotten. */
static bool take_header(void *context, const char *line, size_t len)
{
	struct exchange *x = context;
	struct str *headers = &x->response->headers;
	const char *colon = memchr(line, ':', len);

	if (len > 5 && !memcmp(line, "HTTP/", 5)) {
		str_clear(headers);
		x->response->status = status_of(line, len);
		return true;
	}
	if (!colon)
		return true;

	size_t name = headers->len;

	if (str_append(headers, line, len) < 0 || str_add(headers, "\n") < 0) {
		x->headers_too_long = true;
		return false;
	}
	for (char *p = headers->data + name; *p != ':'; p++)
		*p = (char)tolower((unsigned char)*p);
	return true;
}

static bool asked_to_give_up(void *context)
{
	const struct exchange *x = context;

	return x->request->give_up && x->request->give_up(x->request->context);
}

char *http_request_name(const struct http_request *request)
{
	return xasprintf("%s %s", request->method ? request->method : "GET",
			 request->name ? request->name : request->url);
}

static int judge(const struct exchange *x, enum http_module_result result, const struct http_module_job *job,
		 struct err *err)
{
	AUTO_FREE char *name = http_request_name(x->request);

	if (x->sink_failed)
		return err_add(err, "%s", name);
	if (x->body_too_long)
		return err_set(err, ERR_STATE, "%s: the answer is larger than %" PRIu64 " bytes", name,
			       x->request->max_body < x->response->body.max || x->request->sink
				       ? x->request->max_body
				       : (uint64_t)x->response->body.max);
	if (x->headers_too_long)
		return err_set(err, ERR_STATE, "%s: the headers of the answer are larger than %zu bytes", name,
			       x->response->headers.max);
	switch (result) {
	case HTTP_DONE:
		return 0;
	case HTTP_LATE:
		return err_set(err, ERR_TIMED_OUT, "%s: %s", name, job->error);
	case HTTP_GIVEN_UP:
		return err_set(err, ERR_STOPPED, "%s: given up", name);
	case HTTP_MISUSED:
		return err_set(err, ERR_STATE, "%s: %s", name, job->error);
	case HTTP_FAILED:
		break;
	}
	return err_set(err, ERR_UNREACHABLE, "%s: %s", name, job->error);
}

static long as_long(int64_t ms)
{
	return ms < LONG_MAX ? (long)ms : LONG_MAX;
}

void http_prepare(void)
{
	struct err ignored = ERR_INIT; /* http_exchange() says it */
	const struct http_module *module = module_load(&speaks_http, &ignored);

	if (module)
		module->prepare();
}

int http_exchange(const struct http_request *request, struct http_response *out, struct err *err)
{
	struct exchange x = { .request = request, .response = out, .err = err };
	struct http_module_job job = {
		.url = request->url,
		.method = request->method ? request->method : "GET",
		.headers = request->headers,
		.body_bytes = request->body,
		.body_len = request->body_len,
		.user = request->user,
		.password = request->password,
		.ca = request->ca,
		.unix_socket = request->unix_socket,
		.user_agent = "slipway/" SLIPWAY_VERSION,
		.timeout_ms = as_long(request->timeout_ms),
		.connect_ms = as_long(request->connect_ms),
		.max_redirects = request->max_redirects,
		.body = take_body,
		.header = take_header,
		.give_up = asked_to_give_up,
		.context = &x,
	};
	const struct http_module *module = module_load(&speaks_http, err);

	if (!module)
		return -1;
	out->body = STR_INIT(request->max_body < HTTP_MAX_BODY ? (size_t)request->max_body : HTTP_MAX_BODY);
	out->headers = STR_INIT(HTTP_MAX_HEADERS);

	enum http_module_result result = module->exchange(&job);

	out->status = (int)job.status;
	return judge(&x, result, &job, err);
}
