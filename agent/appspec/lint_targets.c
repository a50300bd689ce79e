/* appspec/lint_targets.c - walk over every path that an install may make and hold the permissions against it.
 *
 * Which folders are there already only the host knows, so every folder on the way counts as one that may be made:
 * what then still matches nothing can match nothing anywhere. Rules: spec/codedeploy-agent.md sections 5.6, 5.8, 7.7.
 */
#include "appspec/lint_targets.h"
#include "appspec/path_glob.h"
#include "appspec/pattern.h"

#include "util/auto.h"
#include "util/str.h"

#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define MAX_VISITS 4000000 /* links to folders that hold links to folders multiply */

struct rule {
	const struct appspec_permission *permission;
	char *object; /* absolute, without ".", ".." and doubled slashes; "/" is "" */
	bool met;     /* something matched */
	bool refused; /* an error about it was added */
};

struct walk {
	const struct tree *tree;
	struct findings *findings;
	struct rule *rules;
	size_t rule_count, visits;
	const struct appspec *appspec;
	bool *overwrite_met; /* per overwrite rule: it speaks of a file */
	struct str path;
};

/* Folders the walk is in, innermost first: a link back to one of them must not be followed for ever. */
struct inside {
	uint32_t index;
	const struct inside *outer;
};

/* PATH below / without ".", ".." and doubled slashes; "" is the root itself. The caller frees it. */
static char *canonical(const char *path)
{
	char *out = xmalloc(strlen(path) + 2);
	size_t n = 0;

	for (size_t len; path += strspn(path, "/"), *path; path += len) {
		len = strcspn(path, "/");
		if (len == 2 && !strncmp(path, "..", 2)) {
			while (n && out[--n] != '/')
				;
		} else if (len != 1 || *path != '.') {
			out[n++] = '/';
			memcpy(out + n, path, len);
			n += len;
		}
	}
	out[n] = '\0';
	return out;
}

static bool child_matches(const char *pattern, const char *name)
{
	return !strchr(name, '/') && pattern_matches(pattern, name);
}

static bool is_excepted(const struct appspec_permission *p, const char *name)
{
	for (size_t i = 0; i < p->except_count; i++)
		if (child_matches(p->excepts[i], name))
			return true;
	return false;
}

static void refuse(struct walk *w, struct rule *rule, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void refuse(struct walk *w, struct rule *rule, const char *fmt, ...)
{
	struct str message = STR_INIT(4 * PATH_MAX);
	va_list ap;

	if (rule->refused)
		return;
	rule->refused = true;
	va_start(ap, fmt);
	if (str_vprintf(&message, fmt, ap) < 0)
		(void)str_add(&message, "this permission is refused, and why is too long to be shown");
	va_end(ap);
	findings_add(w->findings, FINDING_ERROR, rule->permission->place, "%s", str_text(&message));
	str_done(&message);
}

/* The object is an installed file itself: a pattern has nothing to choose from. */
static void check_file_object(struct walk *w, struct rule *rule)
{
	const struct appspec_permission *p = rule->permission;

	rule->met = true;
	if (strcmp(p->pattern, "**"))
		refuse(w, rule,
		       "The deployment failed because the application specification file includes an object (%s) with "
		       "an "
		       "invalid pattern (%s), such as a pattern for a file applied to a directory. Correct the "
		       "permissions section of the AppSpec file, and then try again.",
		       p->object, p->pattern);
	else if (p->except_count)
		refuse(w, rule,
		       "The deployment failed because the except parameter for a pattern in the permissions section "
		       "(%s) "
		       "for the object named %s contains an invalid format. Update the AppSpec file, and then try "
		       "again.",
		       p->excepts[0], p->object);
}

static void check_default_acl(struct walk *w, struct rule *rule)
{
	for (size_t i = 0; i < rule->permission->acl_count; i++)
		if (rule->permission->acls[i].is_default)
			refuse(w, rule,
			       "The deployment failed because the -d parameter has been specified to apply an acl "
			       "setting "
			       "to a file. This parameter is supported for directories only. Update the AppSpec file, "
			       "and "
			       "then try again. Say 'type: [directory]'.");
}

static void hold_against(struct walk *w, struct rule *rule, bool is_directory)
{
	const struct appspec_permission *p = rule->permission;
	const char *path = str_text(&w->path);
	size_t len = strlen(rule->object);
	bool is_object = !strcmp(path, rule->object);

	if (!(p->types & (is_directory ? APPSPEC_TYPE_DIRECTORY : APPSPEC_TYPE_FILE)))
		return;
	if (is_object && !is_directory)
		check_file_object(w, rule);
	else if (strncmp(path, rule->object, len) || path[len] != '/' ||
		 !(!strcmp(p->pattern, "**") || child_matches(p->pattern, path + len + 1)) ||
		 is_excepted(p, path + len + 1))
		return;
	rule->met = true;
	if (!is_directory)
		check_default_acl(w, rule);
}

static void hold_against_overwrites(struct walk *w)
{
	for (size_t i = 0; i < w->appspec->overwrite_count; i++)
		if (!w->overwrite_met[i])
			w->overwrite_met[i] = path_glob_matches(w->appspec->overwrites[i].path, str_text(&w->path));
}

static void visit(struct walk *w, bool is_directory)
{
	w->visits++;
	for (size_t i = 0; i < w->rule_count; i++)
		if (!w->rules[i].met || (!is_directory && w->rules[i].permission->acl_count))
			hold_against(w, &w->rules[i], is_directory);
	if (!is_directory)
		hold_against_overwrites(w);
}

static bool is_inside(const struct inside *in, uint32_t index)
{
	for (; in; in = in->outer)
		if (in->index == index)
			return true;
	return false;
}

/* Everything below the folder OUTER->index, which goes to w->path. Links to folders are installed as folders. */
static void visit_below(struct walk *w, const struct inside *outer)
{
	const struct tree_entry *dir = &w->tree->entries[outer->index];
	size_t len = w->path.len;

	for (uint32_t i = dir->first; i < dir->first + dir->count && w->visits < MAX_VISITS; i++) {
		uint32_t real = tree_resolve(w->tree, i);
		bool is_directory = real != TREE_NONE && w->tree->entries[real].type == TREE_DIRECTORY;

		if (str_printf(&w->path, "/%s", tree_name(w->tree, i)) < 0)
			continue; /* deeper than any path can be: never installed */
		visit(w, is_directory);
		if (is_directory && !is_inside(outer, real)) {
			struct inside in = { real, outer };

			visit_below(w, &in);
		}
		w->path.len = len;
		w->path.data[len] = '\0';
	}
}

/* The folders on the way to PATH, and PATH itself. */
static void visit_way(struct walk *w, const char *path)
{
	str_clear(&w->path);
	for (const char *p = path; *p;) {
		size_t len = strcspn(p + 1, "/") + 1;

		if (str_append(&w->path, p, len) < 0)
			return; /* longer than any path can be: refused by the plan */
		visit(w, true);
		p += len;
	}
}

static void visit_file(struct walk *w, const struct appspec_file *file)
{
	AUTO_FREE char *destination = canonical(file->destination);
	uint32_t at = tree_find(w->tree, file->source);
	uint32_t real = at == TREE_NONE ? TREE_NONE : tree_resolve(w->tree, at);

	if (at == TREE_NONE)
		return;
	visit_way(w, destination);
	if (real != TREE_NONE && w->tree->entries[real].type == TREE_DIRECTORY) {
		struct inside in = { real, NULL };

		visit_below(w, &in);
	} else if (str_printf(&w->path, "/%s", tree_name(w->tree, at)) == 0) {
		visit(w, false);
	}
}

static void report(struct walk *w, bool any_missing)
{
	for (size_t i = 0; i < w->rule_count; i++) {
		const struct appspec_permission *p = w->rules[i].permission;

		/* What is missing or was not looked at might have matched. */
		if (w->rules[i].met || any_missing || w->visits >= MAX_VISITS || !p->types)
			continue;
		if (strcmp(p->pattern, "**"))
			findings_add(
				w->findings, FINDING_WARNING, p->place,
				"the pattern '%s' matches nothing that is installed directly in '%s': patterns other "
				"than ** do not reach into subfolders",
				p->pattern, p->object);
		else
			findings_add(
				w->findings, FINDING_WARNING, p->place,
				"this permission matches nothing: 'files' install nothing below '%s' that it is for",
				p->object);
	}
}

static void report_overwrites(struct walk *w, bool any_missing)
{
	if (any_missing || w->visits >= MAX_VISITS)
		return;
	for (size_t i = 0; i < w->appspec->overwrite_count; i++) {
		const struct appspec_overwrite *o = &w->appspec->overwrites[i];

		if (!w->overwrite_met[i])
			findings_add(
				w->findings, FINDING_WARNING, o->place,
				"the path '%s' matches no file that is installed: '*' stays within a folder, '/**' at "
				"the end means all that is below one",
				o->path);
	}
}

void lint_targets(const struct appspec *a, const struct tree *tree, struct findings *f)
{
	AUTO_FREE struct rule *rules = xcalloc(a->permission_count, sizeof(*rules));
	AUTO_FREE bool *met = xcalloc(a->overwrite_count, sizeof(*met));
	struct walk w = { .tree = tree,
			  .findings = f,
			  .rules = rules,
			  .appspec = a,
			  .overwrite_met = met,
			  .path = STR_INIT(PATH_MAX) };
	bool any_missing = false;

	w.rule_count = a->permission_count;
	for (size_t i = 0; i < a->permission_count; i++)
		rules[i] = (struct rule){ .permission = &a->permissions[i],
					  .object = canonical(a->permissions[i].object) };
	for (size_t i = 0; i < a->file_count; i++) {
		any_missing |= tree_find(tree, a->files[i].source) == TREE_NONE;
		visit_file(&w, &a->files[i]);
	}
	report(&w, any_missing);
	report_overwrites(&w, any_missing);
	for (size_t i = 0; i < a->permission_count; i++)
		free(rules[i].object);
	str_done(&w.path);
}
