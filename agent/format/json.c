/* format/json.c - fields in, fields out; nothing is believed. */
#include "format/json.h"
#include "format/plain.h"
#include "util/auto.h"
#include "util/str.h"

#include <string.h>

int jobject_open(const json_t *json, const char *what, struct jobject *out, struct err *err)
{
	if (!json_is_object(json))
		return err_set(err, ERR_STATE, "%s: not a JSON object", what);
	*out = (struct jobject){ .json = json, .what = what };
	return 0;
}

int jobject_end(const struct jobject *o, struct err *err)
{
	if (o->seen < json_object_size(o->json))
		return err_set(err, ERR_STATE, "%s: has a key that this version does not know", o->what);
	return 0;
}

const json_t *jobject_get(struct jobject *o, const char *key)
{
	const json_t *v = json_object_get(o->json, key);

	if (v)
		o->seen++;
	return json_is_null(v) ? NULL : v;
}

static int bad(const struct jobject *o, const char *key, const char *wanted, struct err *err)
{
	return err_set(err, ERR_STATE, "%s: '%s' is not %s", o->what, key, wanted);
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* NULL: no hexadecimal bytes, or a NUL among them. */
static char *bytes_from_hex(const char *hex, size_t len)
{
	AUTO_FREE char *out = xmalloc(len / 2 + 1);

	if (len % 2)
		return NULL;
	for (size_t i = 0; i < len; i += 2) {
		int high = hex_digit(hex[i]), low = hex_digit(hex[i + 1]);

		if (high < 0 || low < 0 || !(high | low))
			return NULL;
		out[i / 2] = (char)(high << 4 | low);
	}
	out[len / 2] = '\0';
	return TAKE_PTR(out);
}

/* NULL: V is no string of at most MAX bytes. */
static char *bytes_of(const json_t *v, size_t max)
{
	const json_t *hex = json_object_size(v) == 1 ? json_object_get(v, "hex") : NULL;
	size_t len = json_string_length(hex ? hex : v);
	const char *text = json_string_value(hex ? hex : v);

	if (!text || strlen(text) != len || len / (hex ? 2 : 1) > max)
		return NULL;
	return hex ? bytes_from_hex(text, len) : xstrdup(text);
}

int jobject_string(struct jobject *o, const char *key, size_t max, char **out, struct err *err)
{
	const json_t *v = jobject_get(o, key);

	if (!v)
		return 0;

	char *text = bytes_of(v, max);

	if (!text)
		return err_set(err, ERR_STATE, "%s: '%s' is not a string of at most %zu bytes", o->what, key, max);
	*out = text;
	return 1;
}

int jobject_need_string(struct jobject *o, const char *key, size_t max, char **out, struct err *err)
{
	int r = jobject_string(o, key, max, out, err);

	return r ? r : err_set(err, ERR_STATE, "%s: '%s' is missing", o->what, key);
}

int jobject_strings(struct jobject *o, const char *key, size_t max_count, size_t max, char ***out, struct err *err)
{
	const json_t *v = jobject_get(o, key);
	size_t count = json_array_size(v);

	if (!v)
		return 0;
	if (!json_is_array(v) || count > max_count)
		return err_set(err, ERR_STATE, "%s: '%s' is not a list of at most %zu strings", o->what, key,
			       max_count);

	char **list = xcalloc(count + 1, sizeof(*list));

	for (size_t i = 0; i < count; i++) {
		list[i] = bytes_of(json_array_get(v, i), max);
		if (!list[i]) {
			jstrings_free(list);
			return bad(o, key, "a list of strings", err);
		}
	}
	*out = list;
	return 1;
}

int jobject_number(struct jobject *o, const char *key, uint64_t min, uint64_t max, uint64_t *out, struct err *err)
{
	const json_t *v = jobject_get(o, key);
	json_int_t n = json_integer_value(v);

	if (!json_is_integer(v) || n < 0 || (uint64_t)n < min || (uint64_t)n > max)
		return err_set(err, ERR_STATE, "%s: '%s' is not a whole number from %llu to %llu", o->what, key,
			       (unsigned long long)min, (unsigned long long)max);
	*out = (uint64_t)n;
	return 0;
}

int jobject_bool(struct jobject *o, const char *key, bool *out, struct err *err)
{
	const json_t *v = jobject_get(o, key);

	if (!json_is_boolean(v))
		return bad(o, key, "true or false", err);
	*out = json_is_true(v);
	return 0;
}

int jobject_name(struct jobject *o, const char *key, const char *(*name_of)(int), int count, int *out, struct err *err)
{
	const json_t *v = jobject_get(o, key);

	if (!v)
		return 0;
	for (int i = 0; i < count && json_is_string(v); i++)
		if (!strcmp(name_of(i), json_string_value(v))) {
			*out = i;
			return 1;
		}
	return bad(o, key, "one of the names this version knows", err);
}

json_t *jbytes(const char *bytes)
{
	if (!bytes)
		return json_null();

	json_t *plain = json_string(bytes); /* NULL when it is no UTF-8 */

	if (plain)
		return plain;

	AUTO(str_done) struct str hex = STR_INIT(strlen(bytes) * 2);

	for (const char *p = bytes; *p; p++)
		(void)str_printf(&hex, "%02x", (unsigned char)*p); /* fits: two for one */
	return json_pack("{s:s}", "hex", str_text(&hex));
}

json_t *jtext(const char *text)
{
	AUTO_FREE char *plain = text ? plain_text(text, strlen(text)) : NULL;

	return plain ? json_string(plain) : json_null();
}

json_t *jpath(const char *path)
{
	AUTO_FREE char *plain = path ? plain_path(path) : NULL;

	return plain ? json_string(plain) : json_null();
}

json_t *jstrings(char *const *list, json_t *(*each)(const char *))
{
	if (!list)
		return json_null();

	json_t *array = json_array();

	for (; *list; list++)
		json_array_append_new(array, each(*list));
	return array;
}

void jstrings_free(char **list)
{
	for (char **p = list; p && *p; p++)
		free(*p);
	free(list);
}
