/* appspec/lint_bundle.c - do the sources and scripts an appspec names exist, and are they what they should be? */
#include "appspec/lint.h"
#include "appspec/lint_targets.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <fcntl.h>
#include <string.h>

#define MAX_OUTSIDE_LINKS 10 /* more of them say nothing new */

static void check_source(const struct appspec_file *file, const struct tree *tree, struct findings *f)
{
	uint32_t at = tree_find(tree, file->source);
	uint32_t real = at == TREE_NONE ? TREE_NONE : tree_resolve(tree, at);

	if (at == TREE_NONE) {
		findings_add(f, FINDING_ERROR, file->place,
			     "the source '%s' is not in the bundle: add it, or mend the path, which is relative to the "
			     "folder of the appspec",
			     file->source);
		return;
	}
	if (tree->entries[at].type == TREE_OTHER)
		findings_add(f, FINDING_ERROR, file->place,
			     "the source '%s' is neither a file, a folder nor a link and cannot be installed",
			     file->source);
	if (real != TREE_NONE && tree->entries[real].type == TREE_DIRECTORY)
		return;
	if (!strcmp(str_base_name(file->source), str_base_name(file->destination)))
		findings_add(
			f, FINDING_WARNING, file->place,
			"a destination is always a folder: this installs '%s/%s'; name the folder the file goes into",
			file->destination, str_base_name(file->source));
}

/* Does the link lead out of the bundle, going by its text alone? */
static bool leads_out(const struct tree *tree, uint32_t index)
{
	const char *p = tree_link_text(tree, index);
	int depth = 0;

	if (*p == '/')
		return true;
	for (uint32_t i = tree->entries[index].parent; i; i = tree->entries[i].parent)
		depth++;
	for (size_t len; *p && depth >= 0; p += len, p += strspn(p, "/")) {
		len = strcspn(p, "/");
		if (len == 2 && !strncmp(p, "..", 2))
			depth--;
		else if (len != 1 || *p != '.')
			depth++;
	}
	return depth < 0;
}

static void check_links(const struct tree *tree, bool portable, struct findings *f)
{
	const struct appspec_place whole = { 0, 0 };
	size_t found = 0, links = 0;

	for (uint32_t i = 0; i < tree->count; i++) {
		links += tree->entries[i].type == TREE_LINK;
		if (tree->entries[i].type != TREE_LINK || !leads_out(tree, i) || ++found > MAX_OUTSIDE_LINKS)
			continue;

		AUTO_FREE char *path = tree_path(tree, i);

		findings_add(f, FINDING_WARNING, whole,
			     "the link '%s' leads out of the bundle to '%s': it is installed as a link and must find "
			     "that on the host",
			     path, tree_link_text(tree, i));
	}
	if (found > MAX_OUTSIDE_LINKS)
		findings_add(f, FINDING_WARNING, whole, "and %zu more links lead out of the bundle",
			     found - MAX_OUTSIDE_LINKS);
	if (portable && links)
		findings_add(f, FINDING_WARNING, whole,
			     "there are links in the bundle (%zu), and the CodeDeploy agent 2.x refuses such a bundle "
			     "where 'reject_symlinks_in_bundle' is set: put files in their place",
			     links);
}

static bool is_lua(const struct appspec_script *s, const char *head)
{
	return str_ends(s->location, ".lua") && !str_starts(head, "#!");
}

/* The agent runs it itself, and no other does. */
static void check_lua(const struct appspec_script *s, struct findings *f)
{
	if (!s->own)
		findings_add(f, FINDING_WARNING, s->place,
			     "the CodeDeploy agents let /bin/sh run the Lua script '%s', which fails: start it with "
			     "'#!/usr/bin/slipway hook' and make it executable",
			     s->location);
}

static void check_head(const struct appspec_script *s, const char *head, size_t len, struct findings *f)
{
	size_t line = strcspn(head, "\n");
	bool crlf = line && head[line - 1] == '\r';

	if (!len)
		findings_add(f, FINDING_WARNING, s->place, "the script '%s' is empty and does nothing", s->location);
	else if (str_starts(head, "#!") && crlf)
		findings_add(f, FINDING_WARNING, s->place,
			     "the first line of '%s' ends in CR LF, so its interpreter will not be found: convert it "
			     "with 'dos2unix' or sed -i 's/\\r$//'",
			     s->location);
	else if (!str_starts(head, "#!") && !str_starts(head, "\177ELF") && !is_lua(s, head))
		findings_add(f, FINDING_WARNING, s->place,
			     "the script '%s' has no '#!' line and is run by /bin/sh: start it with '#!/bin/sh' or its "
			     "interpreter%s",
			     s->location, crlf ? "; its lines end in CR LF, convert them" : "");
}

static void check_script(const struct appspec_script *s, const struct tree *tree, int dir_fd, bool portable,
			 struct findings *f)
{
	uint32_t at = tree_find(tree, s->location);
	uint32_t real = at == TREE_NONE ? TREE_NONE : tree_resolve(tree, at);
	char head[256] = "";

	if (real == TREE_NONE) {
		findings_add(f, FINDING_ERROR, s->place,
			     at == TREE_NONE
				     ? "the script '%s' is not in the bundle: add it, or mend the location, which "
				       "is relative to the folder of the appspec"
				     : "the script '%s' is a link that leads to nothing in the bundle: put the "
				       "script itself there",
			     s->location);
		return;
	}
	if (tree->entries[real].type != TREE_FILE) {
		findings_add(f, FINDING_ERROR, s->place, "the script '%s' is no file: name the script itself",
			     s->location);
		return;
	}
	AUTO_FREE char *path = tree_path(tree, real);
	AUTO_FD int fd = fs_open_beneath(dir_fd, path, O_RDONLY | O_NONBLOCK, 0);
	ssize_t len = fd < 0 ? -1 : read(fd, head, sizeof(head) - 1);

	if (!(tree->entries[real].mode & 0111) && !(len >= 0 && is_lua(s, head)))
		findings_add(f, FINDING_WARNING, s->place,
			     "the script '%s' is not executable and will be made so when it runs: chmod +x it before "
			     "bundling",
			     s->location);
	if (len < 0)
		findings_add(f, FINDING_WARNING, s->place, "the script '%s' cannot be read here: %s", s->location,
			     strerror(errno));
	else
		check_head(s, head, (size_t)len, f);
	if (portable && len > 0 && is_lua(s, head))
		check_lua(s, f);
}

static void check_policy(const struct appspec_overwrite *o, const struct tree *tree, struct findings *f)
{
	uint32_t at = o->policy ? tree_find(tree, o->policy) : 0;

	if (!o->policy)
		return;
	if (at == TREE_NONE)
		findings_add(f, FINDING_ERROR, o->place,
			     "the policy '%s' is not in the bundle: add it, or mend the path, which is relative to the "
			     "folder of the appspec",
			     o->policy);
	else if (tree->entries[at].type != TREE_FILE)
		findings_add(f, FINDING_ERROR, o->place, "the policy '%s' is no file: name the script itself",
			     o->policy);
}

void lint_bundle(const struct appspec *a, const struct tree *tree, int dir_fd, bool portable, struct findings *f)
{
	for (size_t i = 0; i < a->hook_count; i++)
		for (size_t k = 0; k < a->hooks[i].script_count; k++)
			if (!a->hooks[i].scripts[k].use)
				check_script(&a->hooks[i].scripts[k], tree, dir_fd, portable, f);
	for (size_t i = 0; i < a->overwrite_count; i++)
		check_policy(&a->overwrites[i], tree, f);
	for (size_t i = 0; i < a->file_count; i++)
		check_source(&a->files[i], tree, f);
	lint_targets(a, tree, f);
	check_links(tree, portable, f);
}
