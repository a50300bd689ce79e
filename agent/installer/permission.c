/* installer/permission.c - attributes in the order that keeps them. */
#include "installer/permission.h"

#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <string.h>
#include <sys/stat.h>

#define ACL_TEXT_MAX (64 * 1024)

struct have {
	bool base[4]; /* by enum acl_tag: the base entry is there */
	bool named;
	const char *group_perms; /* of the base group entry, for the mask */
};

static const char *const tag_names[] = { "user", "group", "mask", "other" };
static const char *const perm_names[] = { "---", "--x", "-w-", "-wx", "r--", "r-x", "rw-", "rwx" };

static void add_entry(struct str *out, const char *tag, const char *name, const char *perms)
{
	(void)str_printf(out, "%s%s:%s:%s", out->len ? "," : "", tag, name, perms); /* an appspec's entries fit */
}

static struct have add_listed(struct str *out, const struct appspec_permission *perm, bool defaults)
{
	struct have have = { 0 };

	for (size_t i = 0; i < perm->acl_count; i++) {
		const struct appspec_acl *a = &perm->acls[i];

		if (a->is_default != defaults)
			continue;
		add_entry(out, tag_names[a->tag], a->name, perm_names[a->perms & 7]);
		if (*a->name)
			have.named = true;
		else
			have.base[a->tag] = true;
		if (!*a->name && a->tag == ACL_TAG_GROUP)
			have.group_perms = perm_names[a->perms & 7];
	}
	return have;
}

static void complete(struct str *out, struct have have, mode_t mode)
{
	const char *user = perm_names[mode >> 6 & 7], *group = perm_names[mode >> 3 & 7], *other = perm_names[mode & 7];

	if (!have.base[ACL_TAG_USER])
		add_entry(out, "user", "", user);
	if (!have.base[ACL_TAG_GROUP])
		add_entry(out, "group", "", group);
	if (!have.base[ACL_TAG_OTHER])
		add_entry(out, "other", "", other);
	if (have.named && !have.base[ACL_TAG_MASK])
		add_entry(out, "mask", "", have.group_perms ? have.group_perms : group);
}

char *permission_acl_text(const struct appspec_permission *perm, mode_t mode)
{
	struct str text = STR_INIT(ACL_TEXT_MAX), defaults = STR_INIT(ACL_TEXT_MAX);

	if (!perm->acl_count)
		return xstrdup("");
	complete(&text, add_listed(&text, perm, false), mode);

	struct have have = add_listed(&defaults, perm, true);

	if (defaults.len) {
		complete(&defaults, have, mode);
		(void)str_printf(&text, "|%s", str_text(&defaults)); /* both halves fit */
	}
	str_done(&defaults);
	return str_take(&text);
}

static int apply_acl(int fd, const char *acl)
{
	AUTO_FREE char *access = xstrdup(acl);
	char *bar = strchr(access, '|');

	if (bar)
		*bar = '\0';
	return fs_set_acl(fd, access, bar ? bar + 1 : NULL);
}

int permission_apply(int fd, mode_t mode, uid_t uid, gid_t gid, const char *acl, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(err, "reading attributes");
	bool give = st.st_uid != uid || st.st_gid != gid;

	if (give && fs_chown(fd, uid, gid) < 0)
		return err_sys(err, "setting owner %u and group %u", uid, gid);
	if ((give || (st.st_mode & 07777) != mode) && fs_chmod(fd, mode) < 0) /* chown(2) may have cleared some of it */
		return err_sys(err, "setting mode %04o", mode);
	if (acl && *acl && apply_acl(fd, acl) < 0)
		return err_sys(err, "setting the ACL %s", acl);
	return 0;
}
