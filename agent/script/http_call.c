/* script/http_call.c - a request, and what is thought of its answer. */
#include "script/http_call.h"

#include "util/auto.h"

#include <stdio.h>
#include <string.h>

#define SHOWN	  (HTTP_EXCERPT_MAX / 4)
#define SHOWN_URL 300

void http_call_done(struct http_call *c)
{
	files_stream_free(TAKE_PTR(c->file));
	http_response_done(&c->response);
	free(TAKE_PTR(c->name));
}

/* The URL for messages: without user and password, without secrets, and not too long (cut after that, so that no half
 * of a secret is left). */
static char *name_of_url(const struct http_call *c)
{
	const char *url = c->request.url, *scheme = strstr(url, "://");
	const char *host = scheme ? scheme + 3 : url, *at = host;

	for (const char *p = host; *p && !strchr("/?#", *p); p++)
		at = *p == '@' ? p + 1 : at;

	char *name = xasprintf("%.*s%s%s", (int)(host - url), url, at > host ? MASK_MARK "@" : "", at);

	mask_hide_string(c->mask, name);
	if (strlen(name) > SHOWN_URL)
		memcpy(name + SHOWN_URL - 3, "...", 4);
	return name;
}

static bool is_expected(const struct http_call *c, int status)
{
	if (!c->expect_count)
		return !c->to || (status >= 200 && status < 300);
	for (size_t i = 0; i < c->expect_count; i++)
		if (c->expect[i] == status)
			return true;
	return false;
}

/* What was not expected is no content for the file, but the beginning of it is for the message. */
static int to_file(void *context, int status, const char *bytes, size_t len, struct err *err)
{
	struct http_call *c = context;

	if (!is_expected(c, status))
		return 0;
	if (!c->file && files_stream_open(c->to, &c->file, err) < 0)
		return -1;
	return files_stream_write(c->file, bytes, len, err) < 0 ? -1 : 1;
}

static int finish_file(struct http_call *c, struct err *err)
{
	if (!c->file && files_stream_open(c->to, &c->file, err) < 0) /* the body was empty */
		return -1;
	return files_stream_finish(c->file, FILES_KEEP_MODE, err);
}

/* "200", "200 or 204" */
static void name_expected(const struct http_call *c, struct str *out)
{
	if (!c->expect_count)
		(void)str_add(out, "2xx"); /* fits, as all that follows */
	for (size_t i = 0; i < c->expect_count; i++)
		(void)str_printf(out, "%s%d", i == 0 ? "" : i + 1 < c->expect_count ? ", " : " or ", c->expect[i]);
}

void http_excerpt(const struct mask *mask, const char *bytes, size_t len, struct str *out)
{
	size_t looked_at = len < SHOWN + MASK_MAX ? len : SHOWN + MASK_MAX;
	AUTO_FREE char *text = xmalloc(looked_at + 1);

	memcpy(text, bytes, looked_at);
	len = mask_hide(mask, text, looked_at);
	len = len < SHOWN ? len : SHOWN;
	for (size_t i = 0; i < len; i++)
		text[i] = text[i] == '\n' || text[i] == '\r' ? ' ' : text[i];
	(void)str_append_printable(out, text, len); /* fits: a byte becomes four at most */
}

static int unexpected(const struct http_call *c, struct err *err)
{
	AUTO_FREE char *name = http_request_name(&c->request);
	AUTO(str_done) struct str expected = STR_INIT(1024), body = STR_INIT(HTTP_EXCERPT_MAX);

	name_expected(c, &expected);
	http_excerpt(c->mask, str_text(&c->response.body), c->response.body.len, &body);
	return err_set(err, ERR_STATE, "%s answered %d, not %s%s%s", name, c->response.status, str_text(&expected),
		       body.len ? "; body: " : "", str_text(&body));
}

int http_call_run(struct http_call *c, struct err *err)
{
	c->request.name = c->name = name_of_url(c);
	if (c->to) {
		c->request.sink = to_file;
		c->request.sink_context = c;
	}
	if (http_exchange(&c->request, &c->response, err) < 0)
		return -1;
	if (!is_expected(c, c->response.status) && (c->expect_count || c->to))
		return unexpected(c, err);
	return c->to ? finish_file(c, err) : 0;
}
