/* util/fs_acl.c - the one change to files that goes by way of libacl. */
#include "util/fs.h"

#include "util/str.h"

#include <acl/libacl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/acl.h>
#include <sys/stat.h>

#define ACL_TEXT_MAX (64 * 1024)

struct setting {
	int fd;
	const char *access, *defaults;
};

static int set_type(int fd, acl_type_t type, const char *text)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd); /* libacl sets default ACLs by path only */
	if (type == ACL_TYPE_DEFAULT && !*text)
		return acl_delete_def_file(path);

	struct stat st = { .st_mode = 0 };

	if (!*text && fstat(fd, &st) < 0)
		return -1;

	acl_t acl = *text ? acl_from_text(text) : acl_from_mode(st.st_mode); /* just the mode: an ACL no more */
	int r = acl ? acl_set_file(path, type, acl) : -1;
	int saved = errno;

	if (acl)
		(void)acl_free(acl); /* only memory */
	errno = saved;
	return r;
}

static int make_setting(void *arg)
{
	const struct setting *s = arg;

	if (s->access && set_type(s->fd, ACL_TYPE_ACCESS, s->access) < 0)
		return -1;
	return s->defaults ? set_type(s->fd, ACL_TYPE_DEFAULT, s->defaults) : 0;
}

int fs_set_acl(int fd, const char *access, const char *defaults)
{
	const struct fs_call call = { .op = FS_SETACL, .fd = fd, .dir_fd = -1, .to_dir_fd = -1 };
	struct setting s = { fd, access, defaults };

	return fs_observed(&call, make_setting, &s);
}

static int append_acl(struct str *out, acl_t acl)
{
	char *text = acl ? acl_to_any_text(acl, NULL, ',', TEXT_NUMERIC_IDS) : NULL;
	int r = text ? str_add(out, text) : -1;

	if (text)
		(void)acl_free(text); /* only memory */
	return r;
}

char *fs_get_acl(int fd)
{
	struct str out = STR_INIT(ACL_TEXT_MAX);
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);

	acl_t access = acl_get_file(path, ACL_TYPE_ACCESS);
	acl_t defaults = acl_get_file(path, ACL_TYPE_DEFAULT);
	int r = 0;

	if (access && acl_equiv_mode(access, NULL) == 1)
		r = append_acl(&out, access);
	if (defaults && acl_entries(defaults) > 0)
		r |= str_add(&out, "|") | append_acl(&out, defaults);
	if (access)
		(void)acl_free(access); /* only memory */
	if (defaults)
		(void)acl_free(defaults);
	if (r < 0) {
		str_done(&out);
		errno = E2BIG;
		return NULL;
	}
	return str_take(&out);
}

int fs_acl_mode(const char *text, mode_t *mode)
{
	acl_t acl = acl_from_text(text);
	int r = acl ? acl_equiv_mode(acl, mode) : -1;

	if (acl)
		(void)acl_free(acl); /* only memory */
	return r;
}

static int set_perms(acl_entry_t entry, mode_t bits)
{
	acl_permset_t perms;

	if (acl_get_permset(entry, &perms) < 0 || acl_clear_perms(perms) < 0)
		return -1;
	if ((bits & 4 && acl_add_perm(perms, ACL_READ) < 0) || (bits & 2 && acl_add_perm(perms, ACL_WRITE) < 0) ||
	    (bits & 1 && acl_add_perm(perms, ACL_EXECUTE) < 0))
		return -1;
	return 0;
}

/* The group's bits of a mode are the mask's, where there is one. */
static int set_mode(acl_t acl, mode_t mode)
{
	bool masked = acl_equiv_mode(acl, NULL) == 1;
	acl_entry_t entry;
	acl_tag_t tag;
	int r;

	for (int which = ACL_FIRST_ENTRY; (r = acl_get_entry(acl, which, &entry)) == 1; which = ACL_NEXT_ENTRY) {
		if (acl_get_tag_type(entry, &tag) < 0)
			return -1;
		if ((tag == ACL_USER_OBJ && set_perms(entry, mode >> 6) < 0) ||
		    (tag == (masked ? ACL_MASK : ACL_GROUP_OBJ) && set_perms(entry, mode >> 3) < 0) ||
		    (tag == ACL_OTHER && set_perms(entry, mode) < 0))
			return -1;
	}
	return r;
}

char *fs_acl_with_mode(const char *text, mode_t mode)
{
	struct str out = STR_INIT(ACL_TEXT_MAX);
	acl_t acl = acl_from_text(text);
	int r = acl && set_mode(acl, mode) == 0 ? append_acl(&out, acl) : -1;
	int saved = errno;

	if (acl)
		(void)acl_free(acl); /* only memory */
	if (r == 0)
		return str_take(&out);
	str_done(&out);
	errno = saved;
	return NULL;
}
