/* appspec/appspec_permission.c - 'permissions': what applies to which installed files. */
#include "appspec/reading.h"
#include "util/str.h"

#include <stdlib.h>
#include <string.h>

/* The length the reference allows, and one more for a number with a leading 0: 01777 is plain to everybody, while the
 * reference takes it for decimal 1023. */
static bool mode_length_is_right(const struct yml_node *n, size_t len)
{
	return len <= 4 || (len == 5 && n->type == YML_INT && n->text[0] == '0');
}

/* Modes are read as they are written. YAML makes 493 of an unquoted 0755, and the reference then trips over the 9. */
static void read_mode(struct reading *r, const struct yml_node *n, struct appspec_permission *out)
{
	if (reading_is_null(n))
		return;

	const char *text = reading_text(r, n, "mode");
	size_t len = strlen(text);
	size_t good = strspn(text, "01234567");

	if (!yml_is_scalar(n))
		return;
	if (!mode_length_is_right(n, len)) {
		reading_error(r, n,
			      APPSPEC_FAILED
			      "the length of a permissions mode (%s) in the application specification "
			      "file is invalid. Permissions modes must be between one and four characters "
			      "long. Update the permissions section of the AppSpec file, and then try "
			      "again.",
			      reading_shown(r, n));
		return;
	}
	if (text[good]) {
		size_t end = good + 1;

		while ((text[end] & 0xc0) == 0x80)
			end++;
		reading_error(r, n,
			      APPSPEC_FAILED
			      "the permissions mode (%s) in the application specification file contains "
			      "an invalid character (%.*s). Update the permissions section of the AppSpec "
			      "file, and then try again.",
			      reading_shown(r, n), (int)(end - good), text + good);
		return;
	}
	if (n->type == YML_INT && len > 1 && text[0] == '0')
		reading_warning(r, n, "other agents read the unquoted mode %s as the number %.0f: write \"%s\"", text,
				n->number, text + (len > 4));
	if (!len)
		reading_warning(r, n, "an empty mode means 000: write the mode you want, or leave 'mode' out");
	out->mode_text = len >= 3 ? text : arena_printf(r->arena, "%s%s", &"000"[len], text);
	out->mode = (mode_t)strtoul(out->mode_text, NULL, 8);
}

static void read_acls(struct reading *r, const struct yml_node *n, struct appspec_permission *out)
{
	if (reading_is_null(n))
		return;

	const struct yml_node *list = reading_list(r, n, "acls");

	out->has_acls = true;
	out->acls = arena_alloc(r->arena, list->count * sizeof(*out->acls));
	out->acl_count = list->count;
	for (size_t i = 0; i < list->count; i++)
		appspec_read_acl(r, list->items[i], reading_text(r, list->items[i], "acls"), &out->acls[i]);
}

static void read_excepts(struct reading *r, const struct yml_node *n, struct appspec_permission *out)
{
	if (reading_is_absent(n))
		return;

	const struct yml_node *list = reading_list(r, n, "except");
	const char **excepts = arena_alloc(r->arena, list->count * sizeof(*excepts));

	for (size_t i = 0; i < list->count; i++)
		excepts[i] = reading_text(r, list->items[i], "except");
	out->excepts = excepts;
	out->except_count = list->count;
}

static void read_types(struct reading *r, const struct yml_node *n, struct appspec_permission *out)
{
	out->types = APPSPEC_TYPE_FILE | APPSPEC_TYPE_DIRECTORY;
	if (reading_is_absent(n))
		return;

	const struct yml_node *list = reading_list(r, n, "type");

	out->types = 0;
	for (size_t i = 0; i < list->count; i++) {
		const struct yml_node *item = list->items[i];

		if (yml_is_scalar(item) && !strcmp(item->text, "file"))
			out->types |= APPSPEC_TYPE_FILE;
		else if (yml_is_scalar(item) && !strcmp(item->text, "directory"))
			out->types |= APPSPEC_TYPE_DIRECTORY;
		else /* "filespecifies": spelled so in the reference, and searched for in that spelling */
			reading_error(r, item,
				      APPSPEC_FAILED "the application specification filespecifies a permission for an "
						     "object type not supported for permissions (%s). Update the "
						     "permissions section of the AppSpec file, and then try again.",
				      reading_shown(r, item));
	}
	if (!list->count && n->type == YML_LIST)
		reading_warning(r, n,
				"with an empty 'type' this permission applies to nothing: leave 'type' out for "
				"files and directories");
}

static const char *name_or_null(struct reading *r, const struct yml_node *n, const char *what)
{
	if (reading_is_null(n))
		return NULL;
	if (n->type == YML_INT)
		reading_warning(r, n, "'%s: %s' is taken as a name, never as a numeric id: write the name", what,
				reading_shown(r, n));
	return reading_text(r, n, what);
}

static void read_permission(struct reading *r, const struct yml_node *n, struct appspec_permission *out)
{
	const struct yml_node *object = yml_get(n, "object"), *pattern = yml_get(n, "pattern");

	out->place = reading_place(n);
	if (n->type != YML_MAP) {
		reading_error(r, n, "an entry of 'permissions' must be a mapping with 'object', not %s",
			      yml_type_name(n->type));
		return;
	}
	reading_check_keys(r, n, LEVEL_PERMISSION);
	out->object = reading_is_null(object) ? "" : reading_trimmed(r, object, "object");
	if (!*out->object && (!object || yml_is_scalar(object)))
		reading_error(r, object ? object : n,
			      APPSPEC_FAILED "a permission listed in the application specification file has no object "
					     "value. Update the permissions section of the AppSpec file, and then try "
					     "again.");
	else if (out->object[0] != '/' && yml_is_scalar(object))
		reading_warning(r, object, "the object '%s' is relative and is taken below /: write '/%s'",
				reading_shown(r, object), reading_shown(r, object));
	read_mode(r, yml_get(n, "mode"), out);
	read_acls(r, yml_get(n, "acls"), out);
	out->context = appspec_read_context(r, yml_get(n, "context"));
	out->pattern = reading_is_absent(pattern) ? "**" : reading_text(r, pattern, "pattern");
	read_excepts(r, yml_get(n, "except"), out);
	read_types(r, yml_get(n, "type"), out);
	out->owner = name_or_null(r, yml_get(n, "owner"), "owner");
	out->group = name_or_null(r, yml_get(n, "group"), "group");
	if (!out->owner && !out->group && !yml_get(n, "mode") && !out->has_acls && !out->context)
		reading_warning(r, n, "this permission sets nothing: give it owner, group, mode, acls or context");
}

void appspec_read_permissions(struct reading *r, const struct yml_node *n)
{
	const struct yml_node *list = reading_list(r, n, "permissions");

	r->out->permissions = arena_alloc(r->arena, list->count * sizeof(*r->out->permissions));
	r->out->permission_count = list->count;
	for (size_t i = 0; i < list->count; i++)
		read_permission(r, list->items[i], &r->out->permissions[i]);
}
