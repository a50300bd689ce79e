/* appspec/appspec.c - the top level and 'files'; the other parts are read by appspec_*.c. */
#include "appspec/appspec.h"

#include "appspec/path_glob.h"
#include "appspec/reading.h"
#include "util/auto.h"
#include "util/str.h"

#include <stdlib.h>
#include <string.h>

static const char *const file_exists_names[FILE_EXISTS_COUNT] = {
	[FILE_EXISTS_DISALLOW] = "DISALLOW",
	[FILE_EXISTS_OVERWRITE] = "OVERWRITE",
	[FILE_EXISTS_RETAIN] = "RETAIN",
};

static void appspec_freep(struct appspec **a)
{
	appspec_free(*a);
}

const char *file_exists_name(enum file_exists behavior)
{
	return file_exists_names[behavior];
}

enum file_exists file_exists_from_name(const char *name, size_t len)
{
	for (int b = FILE_EXISTS_DISALLOW; b < FILE_EXISTS_COUNT; b++)
		if (strlen(file_exists_names[b]) == len && !memcmp(file_exists_names[b], name, len))
			return (enum file_exists)b;
	return FILE_EXISTS_UNSET;
}

/* Where a value is wrong, or missing: its own place, or that of the mapping it should be in. */
static const struct yml_node *value_or(const struct yml_node *value, const struct yml_node *map)
{
	return value ? value : map;
}

static void read_version(struct reading *r, const struct yml_node *root)
{
	const struct yml_node *n = yml_get(root, "version");

	if (n && (n->type == YML_INT || n->type == YML_FLOAT) && n->number == 0) {
		r->out->version = reading_text(r, n, "version");
		return;
	}
	reading_error(r, value_or(n, root),
		      APPSPEC_FAILED
		      "an invalid version value (%s) was entered in the application specification file. "
		      "Make sure your AppSpec file specifies \"0.0\" as the version, and then try again.%s",
		      reading_shown(r, n),
		      n && n->type == YML_TEXT && !strcmp(n->text, "0.0") ? " Write it without quotes." : "");
}

static void read_os(struct reading *r, const struct yml_node *root)
{
	const struct yml_node *n = yml_get(root, "os");

	if (n && n->type == YML_TEXT && !strcmp(n->text, "linux")) {
		r->out->os = reading_text(r, n, "os");
		return;
	}
	reading_error(r, value_or(n, root),
		      APPSPEC_FAILED
		      "the application specification file specifies an unsupported operating system (%s). "
		      "Specify either \"linux\" or \"windows\" in the os section of the AppSpec file, and "
		      "then try again.",
		      reading_shown(r, n));
}

static void read_file(struct reading *r, const struct yml_node *n, struct appspec_file *out)
{
	const struct yml_node *source = yml_get(n, "source"), *destination = yml_get(n, "destination");

	out->place = reading_place(n);
	if (n->type != YML_MAP) {
		reading_error(r, n, "an entry of 'files' must be a mapping with 'source' and 'destination', not %s",
			      yml_type_name(n->type));
		return;
	}
	reading_check_keys(r, n, LEVEL_FILE);
	if (reading_is_null(source)) {
		reading_error(r, value_or(source, n),
			      APPSPEC_FAILED "the application specification file specifies a destination file, but no "
					     "source file. Update the files section of the AppSpec file, and then try "
					     "again.");
		return;
	}
	out->source = reading_text(r, source, "source");
	reading_check_inside(r, source, "source", out->source);
	if (reading_is_null(destination) || !destination->text[strspn(destination->text, " \t\r\n")]) {
		if (reading_is_null(destination) || yml_is_scalar(destination))
			reading_error(r, value_or(destination, n),
				      APPSPEC_FAILED "the application specification file specifies only a source file "
						     "(%s). Add the name of the destination file to the files section "
						     "of the AppSpec file, and then try again.",
				      reading_shown(r, source));
		else
			(void)reading_text(r, destination, "destination"); /* says that it is no text */
		return;
	}
	out->destination = reading_text(r, destination, "destination");
	if (out->destination[0] != '/')
		reading_warning(r, destination, "the destination '%s' is relative and is taken below /: write '/%s'",
				reading_shown(r, destination), reading_shown(r, destination));
}

static void read_files(struct reading *r, const struct yml_node *n)
{
	const struct yml_node *list = reading_list(r, n, "files");

	r->out->files = arena_alloc(r->arena, list->count * sizeof(*r->out->files));
	r->out->file_count = list->count;
	for (size_t i = 0; i < list->count; i++)
		read_file(r, list->items[i], &r->out->files[i]);
}

static void check_behavior(struct reading *r, const struct yml_node *n, enum file_exists *out)
{
	*out = n->type == YML_TEXT ? file_exists_from_name(n->text, n->len) : FILE_EXISTS_UNSET;
	if (*out == FILE_EXISTS_UNSET)
		reading_error(r, n,
			      APPSPEC_FAILED
			      "an invalid file_exists_behavior value (%s) was entered in the application "
			      "specification file. Make sure your AppSpec file specifies one of "
			      "DISALLOW,OVERWRITE,RETAIN as the file_exists_behavior, and then try again.",
			      reading_shown(r, n));
}

static void read_root(struct reading *r, const struct yml_node *root)
{
	const struct yml_node *n;

	if (reading_is_absent(root)) {
		reading_error(r, root,
			      APPSPEC_FAILED
			      "the application specification file was empty. Make sure your AppSpec file "
			      "defines at minimum the 'version' and 'os' properties.");
		return;
	}
	if (root->type != YML_MAP) {
		reading_error(r, root,
			      "an appspec is a mapping that starts with 'version: 0.0' and 'os: linux', not %s",
			      yml_type_name(root->type));
		return;
	}
	read_version(r, root);
	read_os(r, root);
	if (!reading_is_absent(n = yml_get(root, "hooks")))
		appspec_read_hooks(r, n, LEVEL_SCRIPT);
	if (!reading_is_absent(n = yml_get(root, "files")))
		read_files(r, n);
	if (!reading_is_absent(n = yml_get(root, "permissions")))
		appspec_read_permissions(r, n);
	if (!reading_is_null(n = yml_get(root, "file_exists_behavior")))
		check_behavior(r, n, &r->out->file_exists_behavior);
	if ((n = yml_get(root, "slipway")))
		appspec_read_slipway(r, n);
	reading_check_keys(r, root, LEVEL_TOP);
}

static void take_notes(struct findings *f, const struct yml_doc *doc)
{
	for (size_t i = 0; i < doc->note_count; i++)
		findings_add(f, FINDING_WARNING,
			     (struct appspec_place){ doc->notes[i].place.line, doc->notes[i].place.column }, "%s",
			     doc->notes[i].message);
}

/* ERR from the first error that FINDINGS has got since there were BEFORE of them. */
static int first_error(const struct findings *f, size_t before, struct err *err)
{
	for (size_t i = before; i < f->count; i++) {
		const struct finding *x = &f->items[i];

		if (x->level != FINDING_ERROR)
			continue;
		if (!x->place.line)
			return err_set(err, ERR_APPSPEC, "%s", x->message);
		return err_set(err, ERR_APPSPEC, "line %u column %u: %s", x->place.line, x->place.column, x->message);
	}
	return err_set(err, ERR_APPSPEC, "the appspec has more errors than can be listed"); /* the list was full */
}

static struct appspec *read_text(const char *text, size_t len, struct findings *findings)
{
	struct appspec *a = xcalloc(1, sizeof(*a));
	AUTO(yml_freep) struct yml_doc *doc = NULL;
	struct reading r = { .out = a, .findings = findings };
	struct yml_place where = { 0, 0 };
	struct err why = ERR_INIT;

	r.arena = a->arena = arena_new();
	if (len > APPSPEC_MAX_BYTES) {
		reading_error(&r, NULL, "the appspec is larger than %d bytes, the most that is read",
			      APPSPEC_MAX_BYTES);
	} else if (yml_load(text, len, &doc, &where, &why) < 0) {
		findings_add(findings, FINDING_ERROR, (struct appspec_place){ where.line, where.column }, "%s",
			     why.msg);
	} else {
		take_notes(findings, doc);
		read_root(&r, doc->root);
	}
	return a;
}

int appspec_parse(const char *text, size_t len, struct appspec **out, struct findings *findings, struct err *err)
{
	size_t before = findings->count, errors = findings->errors;
	AUTO(appspec_freep) struct appspec *a = read_text(text, len, findings);

	if (findings->errors > errors)
		return first_error(findings, before, err);
	*out = TAKE_PTR(a);
	return 0;
}

static bool is_given(const char *text)
{
	return text && *text;
}

static void drop_scripts(struct appspec_hook *h)
{
	size_t kept = 0;

	for (size_t i = 0; i < h->script_count; i++)
		if (is_given(h->scripts[i].location))
			h->scripts[kept++] = h->scripts[i];
	h->script_count = kept;
}

static void drop_incomplete(struct appspec *a)
{
	size_t files = 0, hooks = 0, permissions = 0, overwrites = 0;

	for (size_t i = 0; i < a->file_count; i++)
		if (is_given(a->files[i].source) && is_given(a->files[i].destination))
			a->files[files++] = a->files[i];
	for (size_t i = 0; i < a->hook_count; i++) {
		drop_scripts(&a->hooks[i]);
		if (is_given(a->hooks[i].event))
			a->hooks[hooks++] = a->hooks[i];
	}
	/* Without a file nobody knows what matches and what does not. */
	for (size_t i = 0; i < a->permission_count && files == a->file_count; i++)
		if (is_given(a->permissions[i].object))
			a->permissions[permissions++] = a->permissions[i];
	for (size_t i = 0; i < a->overwrite_count && files == a->file_count; i++) {
		struct err bad = ERR_INIT;

		if (a->overwrites[i].path && path_glob_check(a->overwrites[i].path, &bad) == 0)
			a->overwrites[overwrites++] = a->overwrites[i];
	}
	a->file_count = files;
	a->hook_count = hooks;
	a->permission_count = permissions;
	a->overwrite_count = overwrites;
}

struct appspec *appspec_parse_rest(const char *text, size_t len, struct findings *findings)
{
	size_t errors = findings->errors;
	struct appspec *a = read_text(text, len, findings);

	if (findings->errors > errors)
		drop_incomplete(a);
	return a;
}

void appspec_free(struct appspec *a)
{
	if (!a)
		return;
	arena_free(a->arena);
	free(a);
}

const struct appspec_hook *appspec_hook(const struct appspec *a, const char *event)
{
	for (size_t i = 0; i < a->hook_count; i++)
		if (!strcmp(a->hooks[i].event, event))
			return &a->hooks[i];
	return NULL;
}
