/* appspec/appspec_json.c - see appspec_json.h. */
#include "appspec/appspec_json.h"

#include "util/str.h"

#include <string.h>

static json_t *text(const char *s)
{
	if (!s)
		return json_null();

	json_t *json = json_string(s);

	if (json)
		return json;

	struct str printable = STR_INIT(8 * APPSPEC_MAX_BYTES);

	(void)str_append_printable(&printable, s, strlen(s)); /* four times the length at most */
	json = json_string(str_text(&printable));
	str_done(&printable);
	return json;
}

static json_t *files(const struct appspec *a)
{
	json_t *list = json_array();

	for (size_t i = 0; i < a->file_count; i++)
		json_array_append_new(list, json_pack("{s:o, s:o}", "source", text(a->files[i].source), "destination",
						      text(a->files[i].destination)));
	return list;
}

static json_t *script(const struct appspec_script *s)
{
	json_t *with = s->with ? json_loads(s->with, 0, NULL) : NULL;
	json_t *all = s->use ? json_pack("{s:o, s:o}", "use", text(s->use), "with", with ? with : json_object())
			     : json_pack("{s:o}", "location", text(s->location));
	json_t *rest = json_pack("{s:i, s:o, s:b}", "timeout", s->timeout_s, "runas", text(s->runas), "sudo", s->sudo);

	json_object_update(all, rest);
	json_decref(rest);
	return all;
}

/* The standard hooks, or OWN ones that only slipway runs. */
static json_t *hooks(const struct appspec *a, bool own)
{
	json_t *all = json_object();

	for (size_t i = 0; i < a->hook_count; i++) {
		const struct appspec_hook *h = &a->hooks[i];
		json_t *list = json_array();

		for (size_t k = 0; k < h->script_count; k++) {
			const struct appspec_script *s = &h->scripts[k];

			if (s->own != own)
				continue;
			json_array_append_new(list, script(s));
		}
		if (json_array_size(list) || (!h->script_count && !own))
			json_object_set_new(all, h->event, list);
		else
			json_decref(list);
	}
	return all;
}

static json_t *acls(const struct appspec_permission *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->acl_count; i++)
		json_array_append_new(list, text(p->acls[i].canonical));
	if (p->has_acls)
		return list;
	json_decref(list);
	return json_null();
}

static json_t *types(const struct appspec_permission *p)
{
	json_t *list = json_array();

	if (p->types & APPSPEC_TYPE_FILE)
		json_array_append_new(list, json_string("file"));
	if (p->types & APPSPEC_TYPE_DIRECTORY)
		json_array_append_new(list, json_string("directory"));
	return list;
}

static json_t *context(const struct appspec_context *c)
{
	if (!c)
		return json_null();
	return json_pack("{s:o, s:n, s:o, s:o}", "user", text(c->user), "role", "type", text(c->type), "range",
			 text(c->range));
}

static json_t *permission(const struct appspec_permission *p)
{
	json_t *excepts = json_array();

	for (size_t i = 0; i < p->except_count; i++)
		json_array_append_new(excepts, text(p->excepts[i]));
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "object", text(p->object), "pattern",
			 text(p->pattern), "except", excepts, "type", types(p), "owner", text(p->owner), "group",
			 text(p->group), "mode", text(p->mode_text), "acls", acls(p), "context", context(p->context));
}

static json_t *overwrites(const struct appspec *a)
{
	json_t *list = json_array();

	for (size_t i = 0; i < a->overwrite_count; i++)
		json_array_append_new(
			list, json_pack("{s:o, s:s?, s:o}", "path", text(a->overwrites[i].path), "behavior",
					a->overwrites[i].policy ? NULL : file_exists_name(a->overwrites[i].behavior),
					"policy", text(a->overwrites[i].policy)));
	return list;
}

static json_t *environment(const struct appspec *a)
{
	json_t *all = json_object();

	for (const char *const *e = a->environment; e && *e; e++)
		json_object_setn_new(all, *e, strcspn(*e, "="), text(strchr(*e, '=') + 1));
	return all;
}

/* NULL: there is no such key, and then none is shown. */
static json_t *slipway(const struct appspec *a)
{
	if (!a->has_slipway)
		return NULL;
	return json_pack("{s:o, s:o, s:o, s:o}", "requires", text(a->requires), "overwrite", overwrites(a), "hooks",
			 hooks(a, true), "env", environment(a));
}

json_t *appspec_to_json(const struct appspec *a)
{
	json_t *permissions = json_array();

	for (size_t i = 0; i < a->permission_count; i++)
		json_array_append_new(permissions, permission(&a->permissions[i]));
	return json_pack("{s:f, s:o, s:o, s:o, s:o, s:o, s:o*}", "version", 0.0, "os", text(a->os), "files", files(a),
			 "hooks", hooks(a, false), "permissions", permissions, "file_exists_behavior",
			 text(file_exists_name(a->file_exists_behavior)), "slipway", slipway(a));
}

static json_t *findings_of(const struct findings *f, enum finding_level level)
{
	json_t *list = json_array();

	for (size_t i = 0; i < f->count; i++) {
		const struct finding *x = &f->items[i];

		if (x->level == level)
			json_array_append_new(list, json_pack("{s:i, s:i, s:o}", "line", (int)x->place.line, "column",
							      (int)x->place.column, "message", text(x->message)));
	}
	return list;
}

json_t *appspec_lint_to_json(bool ok, const struct appspec *a, const struct findings *f)
{
	return json_pack("{s:b, s:o, s:o, s:o}", "ok", ok, "errors", findings_of(f, FINDING_ERROR), "warnings",
			 findings_of(f, FINDING_WARNING), "appspec", a ? appspec_to_json(a) : json_null());
}
