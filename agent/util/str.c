/* util/str.c - bounded buffers, and memory that is there or the process is not. */
#include "util/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *p)
{
	if (!p) {
		(void)fputs("slipway: out of memory\n", stderr);
		abort();
	}
	return p;
}

void *xmalloc(size_t size)
{
	return must(malloc(size ? size : 1));
}

void *xcalloc(size_t n, size_t size)
{
	return must(calloc(n ? n : 1, size ? size : 1));
}

void *xrealloc(void *p, size_t size)
{
	return must(realloc(p, size ? size : 1));
}

char *xstrdup(const char *s)
{
	return must(strdup(s));
}

char *xstrndup(const char *s, size_t n)
{
	return must(strndup(s, n));
}

char *xasprintf(const char *fmt, ...)
{
	char *out = NULL;
	va_list ap;

	va_start(ap, fmt);
	int n = vasprintf(&out, fmt, ap);
	va_end(ap);
	return must(n < 0 ? NULL : out);
}

static int reserve(struct str *s, size_t more)
{
	if (more > s->max - s->len)
		return -1;
	if (s->len + more < s->cap)
		return 0;

	size_t cap = s->cap ? s->cap * 2 : 64;

	while (cap <= s->len + more)
		cap *= 2;
	s->data = xrealloc(s->data, cap);
	s->cap = cap;
	return 0;
}

int str_append(struct str *s, const void *bytes, size_t len)
{
	if (reserve(s, len) < 0)
		return -1;
	if (len)
		memcpy(s->data + s->len, bytes, len);
	s->len += len;
	s->data[s->len] = '\0';
	return 0;
}

int str_add(struct str *s, const char *text)
{
	return str_append(s, text, strlen(text));
}

int str_vprintf(struct str *s, const char *fmt, va_list ap)
{
	va_list again;

	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0 || reserve(s, (size_t)n) < 0)
		return -1;
	(void)vsnprintf(s->data + s->len, (size_t)n + 1, fmt, ap); /* fits: measured above */
	s->len += (size_t)n;
	return 0;
}

int str_printf(struct str *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int r = str_vprintf(s, fmt, ap);
	va_end(ap);
	return r;
}

/* Length of the UTF-8 sequence at P (RFC 3629: shortest form, no surrogates), 0 when there is none. */
static size_t utf8_length(const unsigned char *p, size_t left)
{
	size_t n = p[0] < 0x80			 ? 1
		   : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
		   : (p[0] & 0xf0) == 0xe0	 ? 3
		   : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
						 : 0;

	if (!n || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if (n == 3 && ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] >= 0xa0)))
		return 0;
	if (n == 4 && ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] >= 0x90)))
		return 0;
	return n;
}

int str_append_printable(struct str *s, const char *bytes, size_t len)
{
	const unsigned char *p = (const unsigned char *)bytes;

	for (size_t i = 0; i < len;) {
		size_t n = utf8_length(p + i, len - i);
		bool control = p[i] < 0x20 || p[i] == 0x7f || (n == 2 && p[i] == 0xc2 && p[i + 1] < 0xa0);

		if (n && !control) {
			if (str_append(s, p + i, n) < 0)
				return -1;
			i += n;
			continue;
		}
		for (size_t end = i + (n ? n : 1); i < end; i++)
			if (str_printf(s, "\\x%02x", p[i]) < 0)
				return -1;
	}
	return 0;
}

void str_clear(struct str *s)
{
	s->len = 0;
	if (s->data)
		s->data[0] = '\0';
}

char *str_take(struct str *s)
{
	char *data = s->data ? s->data : xstrdup("");

	*s = STR_INIT(s->max);
	return data;
}

void str_done(struct str *s)
{
	free(s->data);
	*s = STR_INIT(s->max);
}

const char *str_text(const struct str *s)
{
	return s->data ? s->data : "";
}

bool str_starts(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

bool str_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && !strcmp(s + n - m, suffix);
}

const char *str_base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path;
}
