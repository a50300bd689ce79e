/* lifecycle/hook_with.c - see hook_with.h. */
#include "lifecycle/hook_with.h"

#include "model/names.h"
#include "util/auto.h"
#include "util/str.h"

#include <jansson.h>
#include <string.h>

#define OPENS	 "{{"
#define CLOSES	 "}}"
#define TEXT_MAX (1024 * 1024) /* of one text, filled in */

struct filling {
	const char *(*look_up)(const char *name);
	struct err *err;
};

static int too_long(struct err *err)
{
	return err_set(err, ERR_SCRIPT_FAILED, "with: a text becomes longer than %d bytes", TEXT_MAX);
}

/* The variable whose name begins at *P, behind "{{". 1: its value is added, and *P is behind its "}}"; 0: it is none.
 */
static int add_variable(const struct filling *f, const char **p, struct str *out)
{
	size_t len = strcspn(*p, CLOSES);

	if (!name_is_variable(*p, len) || strncmp(*p + len, CLOSES, strlen(CLOSES)) != 0)
		return 0;

	AUTO_FREE char *name = xstrndup(*p, len);
	const char *value = f->look_up(name);

	if (!value)
		return err_set(f->err, ERR_SCRIPT_FAILED,
			       "with: there is no variable '%s', which {{%s}} stands for: set it below 'vars' in the "
			       "configuration of the host, or below 'env' in the appspec",
			       name, name);
	*p += len + strlen(CLOSES);
	return str_add(out, value) < 0 ? too_long(f->err) : 1;
}

static int fill_text(const struct filling *f, json_t *text)
{
	AUTO(str_done) struct str out = STR_INIT(TEXT_MAX);
	const char *p = json_string_value(text), *opens;

	while ((opens = strstr(p, OPENS))) {
		if (str_append(&out, p, (size_t)(opens - p)) < 0)
			return too_long(f->err);
		p = opens + strlen(OPENS);

		int added = add_variable(f, &p, &out);

		if (added < 0)
			return -1;
		if (!added && str_add(&out, OPENS) < 0)
			return too_long(f->err);
	}
	if (str_add(&out, p) < 0)
		return too_long(f->err);
	if (json_string_set(text, str_text(&out)) < 0)
		return err_set(f->err, ERR_SCRIPT_FAILED, "with: a variable in '%s' is not UTF-8",
			       json_string_value(text));
	return 0;
}

/* Depth has a limit: format/yaml.h, jansson. */
static int fill(const struct filling *f, json_t *value)
{
	const char *key;
	json_t *item;
	size_t i;

	if (json_is_string(value))
		return fill_text(f, value);
	json_array_foreach(value, i, item) if (fill(f, item) < 0) return -1;
	json_object_foreach(value, key, item) if (fill(f, item) < 0) return -1;
	return 0;
}

int hook_with_fill(const char *text, const char *(*look_up)(const char *name), char **out, struct err *err)
{
	AUTO(json_decrefp) json_t *all = json_loads(text, 0, NULL);
	const struct filling f = { look_up, err };

	if (!json_is_object(all))
		return err_set(err, ERR_STATE, "with: no arguments: '%s'", text);
	if (fill(&f, all) < 0)
		return -1;
	*out = json_dumps(all, JSON_COMPACT | JSON_SORT_KEYS);
	return *out ? 0 : err_set(err, ERR_SYS, "with: no memory");
}
