/* util/str.h - borrowed views and growing buffers with a ceiling.
 *
 * struct span borrows bytes. struct str owns them: data is NULL or NUL-terminated at data[len], and len never passes
 * max, which is set at birth: every byte from outside has a limit before it has memory. Memory itself is never an
 * error (x* functions abort: the journal makes dying safe).
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct span {
	const char *ptr;
	size_t len;
};

struct str {
	char *data;
	size_t len, cap;
	size_t max; /* bytes, without the NUL */
};

#define STR_INIT(limit) ((struct str){ .max = (limit) })

/* -1: the limit would be passed; what fits has NOT been added. */
int str_append(struct str *s, const void *bytes, size_t len);
int str_add(struct str *s, const char *text);
int str_printf(struct str *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int str_vprintf(struct str *s, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/* Bytes for people: control characters and bytes that are no UTF-8 as \xNN, so that a terminal is safe from them. */
int str_append_printable(struct str *s, const char *bytes, size_t len);
void str_clear(struct str *s); /* keeps the memory */
char *str_take(struct str *s); /* hands the buffer over ("" when empty); the str is as new */
void str_done(struct str *s);
const char *str_text(const struct str *s); /* never NULL */

void *xmalloc(size_t size);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
/* What stands behind the last slash of PATH, borrowed: all of it when there is none. NULL for NULL. */
const char *str_base_name(const char *path);
