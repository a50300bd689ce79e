/* appspec/appspec_context.c - 'context': SELinux user, type and range.
 * The grammar of a range is s#[-s#][:cats], cats are c# or c#.c# joined by commas (spec section 5.7).
 */
#include "appspec/reading.h"
#include "util/auto.h"
#include "util/str.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define CATEGORIES 1024
#define NO_LABEL   "<<none>>" /* to semanage: what stands there keeps the label it has */
#define RANGE_CURE " (a range looks like s0-s3:c0,c2.c5)"

/* The number behind LETTER, which must be all of TEXT. -1: it is not there, or above MAX. */
static long number_after(char letter, const char *text, long max)
{
	size_t digits = strspn(text[0] ? text + 1 : text, "0123456789");

	if (text[0] != letter || !digits || text[digits + 1])
		return -1;

	long n = strtol(text + 1, NULL, 10); /* saturates */

	return n <= max ? n : -1;
}

/* Cut TEXT at the first SEPARATOR; *REST is NULL when there is none. False: a side of it is empty. */
static bool halve(char *text, char separator, char **rest)
{
	char *at = strchr(text, separator);

	*rest = NULL;
	if (!at)
		return true;
	if (at == text || !at[1])
		return false;
	*at = '\0';
	*rest = at + 1;
	return true;
}

static int read_categories(struct reading *r, const struct yml_node *n, char *text, bool set[CATEGORIES])
{
	for (char *item; (item = strsep(&text, ","));) {
		const char *whole = arena_strdup(r->arena, item);
		char *high_text;

		if (!halve(item, '.', &high_text)) {
			reading_error(r, n, "invalid range part %s" RANGE_CURE, whole);
			return -1;
		}

		long low = number_after('c', item, CATEGORIES - 1);
		long high = high_text ? number_after('c', high_text, CATEGORIES - 1) : low;

		if (low < 0 || high < 0) {
			reading_error(r, n, "invalid category %s" RANGE_CURE, low < 0 ? item : high_text);
			return -1;
		}
		if (high < low) {
			reading_error(r, n, "invalid category range %s" RANGE_CURE, whole);
			return -1;
		}
		for (long c = low; c <= high; c++) {
			if (set[c]) {
				reading_error(r, n, "duplicate categories" RANGE_CURE);
				return -1;
			}
			set[c] = true;
		}
	}
	return 0;
}

static void add_categories(struct str *out, const bool set[CATEGORIES])
{
	char separator = ':';

	for (int first = 0; first < CATEGORIES; first++) {
		int last = first;

		if (!set[first])
			continue;
		while (last + 1 < CATEGORIES && set[last + 1])
			last++;
		(void)str_printf(out, "%cc%d", separator, first); /* fits: 1024 categories are under 8 KiB */
		if (last > first)
			(void)str_printf(out, ".c%d", last);
		separator = ',';
		first = last;
	}
}

static const char *read_range(struct reading *r, const struct yml_node *n)
{
	const char *whole = reading_text(r, n, "range");
	char *text = arena_strdup(r->arena, whole), *categories, *high_text;
	bool set[CATEGORIES] = { false };
	struct str out = STR_INIT(16384);

	if (!yml_is_scalar(n))
		return NULL;
	if (!halve(text, ':', &categories) || !halve(text, '-', &high_text)) {
		reading_error(r, n, "invalid range part %s" RANGE_CURE, reading_shown(r, n));
		return NULL;
	}

	long low = number_after('s', text, 999999);
	long high = high_text ? number_after('s', high_text, 999999) : low;

	if (low < 0 || high < 0) {
		reading_error(r, n, "invalid sensitivity %.200s" RANGE_CURE, low < 0 ? text : high_text);
		return NULL;
	}
	if (high < low) {
		reading_error(r, n,
			      APPSPEC_FAILED
			      "of a problem with the SELinux range specified (%s) for the context "
			      "parameter in the permissions section of the application specification "
			      "file. Make corrections in the permissions section of the AppSpec file, and "
			      "then try again.",
			      reading_shown(r, n));
		return NULL;
	}
	if (categories && read_categories(r, n, categories, set) < 0)
		return NULL;
	(void)str_printf(&out, "s%ld", low);
	if (high_text)
		(void)str_printf(&out, "-s%ld", high);
	add_categories(&out, set);
	whole = arena_strdup(r->arena, str_text(&out));
	str_done(&out);
	return whole;
}

/* The name of a user or type, as a policy spells it: it becomes a word of semanage's command line, and a part of a
 * label between colons. */
static const char *read_name(struct reading *r, const struct yml_node *n, const char *what)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
	const char *name = reading_text(r, n, what);

	if (yml_is_scalar(n) && (name[strspn(name, allowed)] || strchr("-.", name[0]) || n->len > NAME_MAX))
		reading_error(r, n,
			      "'%s' of a context is the name of an SELinux user or type, such as system_u or "
			      "httpd_sys_content_t, not '%s'",
			      what, reading_shown(r, n));
	return name;
}

struct appspec_context *appspec_read_context(struct reading *r, const struct yml_node *n)
{
	if (reading_is_null(n))
		return NULL;
	if (n->type != YML_MAP) {
		reading_error(r, n, "'context' must be a mapping with 'type', not %s", yml_type_name(n->type));
		return NULL;
	}

	const struct yml_node *user = yml_get(n, "name"), *type = yml_get(n, "type"), *range = yml_get(n, "range");
	struct appspec_context *out = arena_alloc(r->arena, sizeof(*out));

	reading_check_keys(r, n, LEVEL_CONTEXT);
	if (reading_is_null(type) || (yml_is_scalar(type) && !type->len))
		reading_error(r, n,
			      APPSPEC_FAILED
			      "the application specification file specifies an invalid context type (%s). "
			      "Update the permissions section of the AppSpec file, and then try again.",
			      reading_shown(r, n));
	else
		out->type = yml_is_scalar(type) && !strcmp(type->text, NO_LABEL) ? NO_LABEL
										 : read_name(r, type, "type");
	out->user = reading_is_null(user) ? NULL : read_name(r, user, "name");
	out->range = reading_is_null(range) ? NULL : read_range(r, range);
	return out;
}
