/* net/http.c - finds the module, keeps the answer within its limits. */
#include "net/http.h"

#include "net/http_module.h"
#include "util/auto.h"
#include "util/module.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static const struct module speaks_http = { "slipway-http.so", HTTP_MODULE_SYMBOL, HTTP_MODULE_VERSION,
					   "what speaks HTTP" };

struct exchange {
	const struct http_request *request;
	struct http_response *response;
	bool body_too_long, headers_too_long;
};

void http_response_done(struct http_response *r)
{
	str_done(&r->headers);
	str_done(&r->body);
}

static bool take_body(void *context, const char *bytes, size_t len)
{
	struct exchange *x = context;

	x->body_too_long = str_append(&x->response->body, bytes, len) < 0;
	return !x->body_too_long;
}

/* A status line begins a new answer: what a redirect said before is forgotten. */
static bool take_header(void *context, const char *line, size_t len)
{
	struct exchange *x = context;
	struct str *headers = &x->response->headers;
	const char *colon = memchr(line, ':', len);

	if (len > 5 && !memcmp(line, "HTTP/", 5)) {
		str_clear(headers);
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

static int judge(const struct exchange *x, enum http_module_result result, const struct http_module_job *job,
		 struct err *err)
{
	const char *url = x->request->url;

	if (x->body_too_long)
		return err_set(err, ERR_STATE, "GET %s: the answer is larger than %zu bytes", url,
			       x->response->body.max);
	if (x->headers_too_long)
		return err_set(err, ERR_STATE, "GET %s: the headers of the answer are larger than %zu bytes", url,
			       x->response->headers.max);
	switch (result) {
	case HTTP_DONE:
		return 0;
	case HTTP_LATE:
		return err_set(err, ERR_TIMED_OUT, "GET %s: %s", url, job->error);
	case HTTP_GIVEN_UP:
		return err_set(err, ERR_STOPPED, "GET %s: given up", url);
	case HTTP_FAILED:
		break;
	}
	return err_set(err, ERR_UNREACHABLE, "GET %s: %s", url, job->error);
}

int http_get(const struct http_request *request, struct http_response *out, struct err *err)
{
	struct exchange x = { .request = request, .response = out };
	struct http_module_job job = {
		.url = request->url,
		.headers = request->headers,
		.user_agent = "slipway/" SLIPWAY_VERSION,
		.timeout_ms = request->timeout_ms < LONG_MAX ? (long)request->timeout_ms : LONG_MAX,
		.max_redirects = request->max_redirects,
		.body = take_body,
		.header = take_header,
		.give_up = asked_to_give_up,
		.context = &x,
	};
	const struct http_module *module = module_load(&speaks_http, err);

	if (!module)
		return -1;
	out->body = STR_INIT(request->max_body);
	out->headers = STR_INIT(HTTP_MAX_HEADERS);

	enum http_module_result result = module->get(&job);

	out->status = (int)job.status;
	return judge(&x, result, &job, err);
}
