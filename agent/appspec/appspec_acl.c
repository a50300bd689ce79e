/* appspec/appspec_acl.c - one entry of 'acls': [default:][user|group|mask|other:]name:permissions, read from the right.
 * Rules and texts: spec/codedeploy-agent.md section 5.7.
 */
#include "appspec/reading.h"
#include "util/auto.h"

#include <stdbool.h>
#include <string.h>

#define ACL_FAILED                                                                                                     \
	APPSPEC_FAILED "of a problem with the acls permission settings in the application specification file. "

enum { TAG_NONE = -1 };

static const char *const tag_names[] = {
	[ACL_TAG_USER] = "user", [ACL_TAG_GROUP] = "group", [ACL_TAG_MASK] = "mask", [ACL_TAG_OTHER] = "other"
};

static bool is_word(const char *s, const char *letter, const char *word)
{
	return !strcmp(s, letter) || !strcmp(s, word);
}

static bool is_default(const char *s)
{
	return is_word(s, "d", "default");
}

static int tag_of(const char *s)
{
	static const char *const letters[] = {
		[ACL_TAG_USER] = "u", [ACL_TAG_GROUP] = "g", [ACL_TAG_MASK] = "m", [ACL_TAG_OTHER] = "o"
	};

	for (size_t i = 0; i < ARRAY_LEN(letters); i++)
		if (is_word(s, letters[i], tag_names[i]))
			return (int)i;
	return TAG_NONE;
}

/* Cut TEXT (written to) at its colons. Returns how many parts there are, at most MAX + 1. */
static size_t cut(char *text, char *parts[], size_t max)
{
	size_t n = 0;

	for (char *s; (s = strsep(&text, ":"));) {
		if (n == max)
			return max + 1;
		parts[n++] = s;
	}
	return n;
}

/* One octal digit, or letters. Returns the character that is neither, or NULL. */
static const char *read_perms(const char *s, unsigned *perms)
{
	if (strlen(s) == 1 && *s >= '0' && *s <= '7') {
		*perms = (unsigned)(*s - '0');
		return NULL;
	}
	for (; *s; s++) {
		if (*s == 'r')
			*perms |= 4;
		else if (*s == 'w')
			*perms |= 2;
		else if (*s == 'x')
			*perms |= 1;
		else if (*s != '-')
			return s;
	}
	return NULL;
}

/* The parts before the permissions. -1: they make no entry. */
static int read_who(char *parts[], size_t count, struct appspec_acl *out)
{
	const char *name = parts[count - 2];
	int tag = TAG_NONE;
	int keyword = tag_of(name);

	if (count == 4 && !is_default(parts[0]))
		return -1;
	out->is_default = count == 4;
	if (count >= 3 && is_default(parts[count - 3])) {
		if (out->is_default)
			return -1;
		out->is_default = true;
	} else if (count >= 3 && (tag = tag_of(parts[count - 3])) == TAG_NONE) {
		return -1;
	}
	if (keyword == ACL_TAG_MASK || keyword == ACL_TAG_OTHER) {
		/* The reference takes `u:m:7` for the user "mask". */
		name = tag == TAG_NONE ? "" : tag_names[keyword];
		tag = tag == TAG_NONE ? keyword : tag;
	}
	out->tag = tag == TAG_NONE ? ACL_TAG_USER : (enum acl_tag)tag;
	out->name = name;
	return (out->tag == ACL_TAG_MASK || out->tag == ACL_TAG_OTHER) && *name ? -1 : 0;
}

void appspec_read_acl(struct reading *r, const struct yml_node *n, const char *text, struct appspec_acl *out)
{
	char *parts[4];
	size_t count = cut(arena_strdup(r->arena, text), parts, ARRAY_LEN(parts));
	const char *bad;

	if (!yml_is_scalar(n))
		return; /* said already */
	if (count < 2 || count > ARRAY_LEN(parts) || read_who(parts, count, out) < 0) {
		reading_error(r, n,
			      ACL_FAILED "Invalid acl entry (%s). An entry looks like user:NAME:rwx, group:NAME:rx, "
					 "mask::rw or default:user:NAME:rwx.",
			      reading_shown(r, n));
		return;
	}
	if ((bad = read_perms(parts[count - 1], &out->perms))) {
		size_t len = 1;

		while ((bad[len] & 0xc0) == 0x80)
			len++;
		reading_error(r, n,
			      APPSPEC_FAILED "the access control list (ACL) named %s in the application specification "
					     "file contains an invalid character (%.*s). Correct the ACL in the hooks "
					     "section of the AppSpec file, and then try again.",
			      reading_shown(r, n), (int)len, bad);
		return;
	}
	if (!out->is_default && out->tag != ACL_TAG_MASK && !*out->name) {
		reading_error(r, n,
			      ACL_FAILED
			      "Use mode to set the base acl entry (%s). Update the permissions section of the "
			      "AppSpec file, and then try again.",
			      reading_shown(r, n));
		return;
	}
	out->canonical = arena_printf(r->arena, "%s%s:%s:%c%c%c", out->is_default ? "default:" : "",
				      tag_names[out->tag], out->name, out->perms & 4 ? 'r' : '-',
				      out->perms & 2 ? 'w' : '-', out->perms & 1 ? 'x' : '-');
}
