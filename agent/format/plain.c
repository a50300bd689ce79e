/* format/plain.c - escape sequences out, control characters visible. */
#include "format/plain.h"

#include "util/auto.h"

#include <string.h>

#define ESC '\033'

/* How many bytes the escape sequence at P takes (ECMA-48 sections 5.3 and 5.4); one that never ends takes all. */
static size_t escape_length(const char *p, size_t left)
{
	size_t i = 2;

	if (left < 2 || p[1] < 0x20 || p[1] > 0x7e)
		return 1;
	if (p[1] == '[') {
		while (i < left && p[i] >= 0x20 && p[i] < 0x40)
			i++;
		return i < left && p[i] >= 0x40 && p[i] < 0x7f ? i + 1 : i;
	}
	if (!strchr("]PX^_", p[1])) { /* two bytes, or more with intermediate ones */
		for (i = 1; i < left && p[i] >= 0x20 && p[i] < 0x30;)
			i++;
		return i < left ? i + 1 : left;
	}
	for (; i < left && p[i] != '\n'; i++) { /* never closed: it shall not swallow the lines that follow */
		if (p[i] == '\a')
			return i + 1;
		if (p[i] == ESC && i + 1 < left && p[i + 1] == '\\')
			return i + 2;
	}
	return i;
}

static bool goes_through(char c)
{
	return c == '\n' || c == '\t';
}

int plain_append(struct str *out, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t n = 0;

		if (bytes[i] == ESC) {
			i += escape_length(bytes + i, len - i);
			continue;
		}
		if (bytes[i] == '\r' && i + 1 < len && bytes[i + 1] == '\n') {
			i++;
			continue;
		}
		if (goes_through(bytes[i])) {
			if (str_append(out, bytes + i++, 1) < 0)
				return -1;
			continue;
		}
		while (i + n < len && bytes[i + n] != ESC && !goes_through(bytes[i + n]) &&
		       !(bytes[i + n] == '\r' && i + n + 1 < len && bytes[i + n + 1] == '\n'))
			n++;
		if (str_append_printable(out, bytes + i, n) < 0)
			return -1;
		i += n;
	}
	return 0;
}

char *plain_text(const char *bytes, size_t max)
{
	size_t len = strnlen(bytes, max);
	AUTO(str_done) struct str out = STR_INIT(len * 4 + 1);

	(void)plain_append(&out, bytes, len); /* fits: a byte becomes four at most */
	return str_take(&out);
}

char *plain_path(const char *path)
{
	AUTO(str_done) struct str out = STR_INIT(strlen(path) * 4 + 1);

	(void)str_append_printable(&out, path, strlen(path)); /* fits, as above */
	return str_take(&out);
}

char *plain_shell_word(const char *path)
{
	static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-+=:,@%";
	AUTO_FREE char *shown = plain_path(path);
	AUTO(str_done) struct str out = STR_INIT(strlen(path) * 4 + 4);
	bool odd = strcmp(shown, path) != 0;

	if (*path && path[strspn(path, safe)] == '\0')
		return TAKE_PTR(shown);
	(void)str_add(&out, odd ? "$'" : "'");
	for (const char *p = path; *p; p++) { /* fits: four bytes for one at most */
		if (odd && (*p == '\'' || *p == '\\'))
			(void)str_printf(&out, "\\%c", *p);
		else if (*p == '\'')
			(void)str_add(&out, "'\\''");
		else if (odd)
			(void)str_append_printable(&out, p, 1);
		else
			(void)str_append(&out, p, 1);
	}
	(void)str_add(&out, "'");
	return str_take(&out);
}
