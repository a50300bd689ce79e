/* cli/drift_view.c - one row a kind of deviation. */
#include "cli/drift_view.h"

#include "format/json.h"
#include "model/tree.h"
#include "util/auto.h"
#include "util/str.h"

#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>

#define DIGEST_SHOWN 6 /* bytes of it */

const char *drift_type_name(const struct manifest_entry *e)
{
	return e->type == TREE_DIRECTORY ? "folder" : e->type == TREE_LINK ? "link" : "file";
}

static const char *found_type_name(mode_t mode)
{
	return S_ISDIR(mode) ? "folder" : S_ISLNK(mode) ? "link" : S_ISREG(mode) ? "file" : "special file";
}

/* "root:adm", numbers where there are no names. */
static char *owner_name(uid_t uid, gid_t gid)
{
	const struct passwd *user = getpwuid(uid);
	AUTO_FREE char *first = user ? xstrdup(user->pw_name) : xasprintf("%u", uid);
	const struct group *group = getgrgid(gid);

	return group ? xasprintf("%s:%s", first, group->gr_name) : xasprintf("%s:%u", first, gid);
}

static char *missing(const struct manifest *m, const struct drift *d)
{
	(void)m;
	return xasprintf("missing (expected a %s, is not there)", drift_type_name(d->entry));
}

static char *type(const struct manifest *m, const struct drift *d)
{
	(void)m;
	return xasprintf("type (expected a %s, is a %s)", drift_type_name(d->entry), found_type_name(d->found.st_mode));
}

static char *content(const struct manifest *m, const struct drift *d)
{
	char hex[2 * DIGEST_SHOWN + 1] = "";

	(void)m;
	if (d->entry->size != d->found.st_size)
		return xasprintf("changed (expected %lld bytes, is %lld bytes)", (long long)d->entry->size,
				 (long long)d->found.st_size);
	if (!(d->entry->flags & MANIFEST_HAS_DIGEST))
		return xstrdup("changed (expected what was installed, is written to since)");
	for (size_t i = 0; i < DIGEST_SHOWN; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", d->entry->digest[i]);
	return xasprintf("changed (expected sha256:%s.., is other content of the same size)", hex);
}

static char *leads(const struct manifest *m, const struct drift *d)
{
	char text[PATH_MAX];
	ssize_t n = readlink(d->path, text, sizeof(text) - 1);

	text[n < 0 ? 0 : n] = '\0';
	return xasprintf("link (expected '%s', is '%s')", manifest_text(m, d->entry->text), text);
}

static char *mode(const struct manifest *m, const struct drift *d)
{
	(void)m;
	return xasprintf("mode (expected %04o, is %04o)", d->entry->mode, d->found.st_mode & 07777);
}

static char *owner(const struct manifest *m, const struct drift *d)
{
	AUTO_FREE char *expected = owner_name(d->entry->uid, d->entry->gid);
	AUTO_FREE char *is = owner_name(d->found.st_uid, d->found.st_gid);

	(void)m;
	return xasprintf("owner (expected %s, is %s)", expected, is);
}

static char *unreadable(const struct manifest *m, const struct drift *d)
{
	(void)m, (void)d;
	return xstrdup("unreadable (expected what was installed, is not known: run it as root)");
}

static const struct {
	unsigned flag;
	char *(*say)(const struct manifest *m, const struct drift *d);
} kinds[] = {
	{ DRIFT_MISSING, missing }, { DRIFT_TYPE, type },   { DRIFT_CONTENT, content },	      { DRIFT_LINK, leads },
	{ DRIFT_MODE, mode },	    { DRIFT_OWNER, owner }, { DRIFT_UNREADABLE, unreadable },
};

json_t *drift_problems(const struct manifest *m, const struct drift *d)
{
	json_t *list = json_array();

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		AUTO_FREE char *text = d->flags & kinds[i].flag ? kinds[i].say(m, d) : NULL;

		if (text)
			json_array_append_new(list, jpath(text));
	}
	return list;
}
