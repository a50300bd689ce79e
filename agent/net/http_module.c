/* net/http_module.c - slipway-http.so: one request by libcurl. */
#include "net/http_module.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static size_t on_body(char *bytes, size_t size, size_t n, void *context)
{
	const struct http_module_job *job = context;

	return job->body(job->context, bytes, size * n) ? size * n : CURL_WRITEFUNC_ERROR;
}

static size_t on_header(char *line, size_t size, size_t n, void *context)
{
	const struct http_module_job *job = context;
	size_t len = size * n;

	while (len && (line[len - 1] == '\n' || line[len - 1] == '\r'))
		len--;
	return job->header(job->context, line, len) ? size * n : 0;
}

static int on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const struct http_module_job *job = context;

	(void)a, (void)b, (void)c, (void)d;
	return job->give_up(job->context);
}

static struct curl_slist *with(struct curl_slist *list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(list, line);

	return longer ? longer : list;
}

/* A body goes at once: libcurl would ask first whether it is welcome, and wait a second for servers that do not say. It
 * would also call every body a form, even one that is not there. */
static struct curl_slist *headers_of(const struct http_module_job *job)
{
	struct curl_slist *list = with(NULL, "Expect:");
	bool has_type = false;

	for (const char *const *h = job->headers; h && *h; h++) {
		list = with(list, *h);
		has_type = has_type || !strncasecmp(*h, "content-type:", strlen("content-type:"));
	}
	if (!has_type)
		list = with(list, job->body_bytes ? "Content-Type: application/octet-stream" : "Content-Type:");
	return list;
}

/* By a name of its own a method is sent again after every redirect; so the common ones are said by their options. */
static void prepare_method(CURL *curl, const struct http_module_job *job)
{
	bool is_post = !strcmp(job->method, "POST");

	if (!strcmp(job->method, "HEAD"))
		curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	else if (strcmp(job->method, "GET") != 0 || job->body_bytes) {
		if (!is_post)
			curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, job->method);
		if (is_post || job->body_bytes)
			curl_easy_setopt(curl, CURLOPT_POST, 1L);
	}
	if (is_post || job->body_bytes) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)job->body_len);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, job->body_bytes ? job->body_bytes : "");
	}
}

static void prepare_connection(CURL *curl, const struct http_module_job *job)
{
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, job->timeout_ms);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, job->connect_ms);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	if (job->user || job->password) {
		curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
		curl_easy_setopt(curl, CURLOPT_USERNAME, job->user ? job->user : "");
		curl_easy_setopt(curl, CURLOPT_PASSWORD, job->password ? job->password : "");
	}
	if (job->ca) {
		curl_easy_setopt(curl, CURLOPT_CAINFO, job->ca);
		curl_easy_setopt(curl, CURLOPT_CAPATH, NULL); /* else the host's are trusted as well */
	}
	if (job->unix_socket) {
		curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, job->unix_socket);
		curl_easy_setopt(curl, CURLOPT_PROXY, "");
	}
}

/* Verification of certificates is on by default, and proxies come from the environment. */
static void prepare(CURL *curl, struct http_module_job *job, struct curl_slist *headers)
{
	curl_easy_setopt(curl, CURLOPT_URL, job->url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, job->max_redirects > 0 ? 1L : 0L);
	curl_easy_setopt(curl, CURLOPT_MAXREDIRS, job->max_redirects);
	curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
	curl_easy_setopt(curl, CURLOPT_USERAGENT, job->user_agent);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, job->error);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, job);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, job);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, job);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
}

/* libcurl leaves out why, "Connection refused", and tells after how many ms instead: another text each time, which who
 * waits for a server would read again and again. */
static void add_reason(CURL *curl, struct http_module_job *job)
{
	long error = 0;
	const char *text = curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &error) == CURLE_OK && error
				   ? strerrordesc_np((int)error)
				   : NULL;
	const char *after = strstr(job->error, " after ");
	size_t len = after ? (size_t)(after - job->error) : strlen(job->error);

	if (text)
		(void)snprintf(job->error + len, sizeof(job->error) - len, ": %s", text);
}

static enum http_module_result result_of(CURLcode code)
{
	switch (code) {
	case CURLE_OK:
		return HTTP_DONE;
	case CURLE_WRITE_ERROR:
	case CURLE_ABORTED_BY_CALLBACK:
		return HTTP_GIVEN_UP;
	case CURLE_OPERATION_TIMEDOUT:
		return HTTP_LATE;
	case CURLE_URL_MALFORMAT:
	case CURLE_SSL_CACERT_BADFILE:
		return HTTP_MISUSED;
	default:
		return HTTP_FAILED;
	}
}

static void prepare_library(void)
{
	(void)curl_global_init(CURL_GLOBAL_DEFAULT); /* exchange() tells when it cannot */
}

static enum http_module_result exchange(struct http_module_job *job)
{
	CURL *curl = curl_global_init(CURL_GLOBAL_DEFAULT) ? NULL : curl_easy_init();

	job->error[0] = '\0';
	if (!curl) {
		(void)snprintf(job->error, sizeof(job->error), "libcurl cannot be started");
		return HTTP_FAILED;
	}

	struct curl_slist *headers = headers_of(job);

	prepare(curl, job, headers);
	prepare_method(curl, job);
	prepare_connection(curl, job);

	CURLcode code = curl_easy_perform(curl);

	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &job->status); /* stays 0 where there is none */
	if (code != CURLE_OK && !job->error[0])
		(void)snprintf(job->error, sizeof(job->error), "%s", curl_easy_strerror(code));
	if (code == CURLE_COULDNT_CONNECT)
		add_reason(curl, job);
	curl_easy_cleanup(curl);
	curl_slist_free_all(headers);
	return result_of(code);
}

extern const struct http_module slipway_http_module;
const struct http_module slipway_http_module = { HTTP_MODULE_VERSION, prepare_library, exchange };
