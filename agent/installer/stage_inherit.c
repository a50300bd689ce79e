/* installer/stage_inherit.c - ACL and label, as the folder that stays has them. */
#include "installer/stage_inherit.h"

#include "util/fs.h"

#include <errno.h>

/* RESULT of a label's setting. EINVAL: the policy that is loaded does not know it any more. */
static int label_set(int result, struct err *err)
{
	if (result == 0 || errno == EOPNOTSUPP || errno == EPERM || errno == EACCES || errno == EINVAL)
		return 0;
	return err_sys(err, "setting the SELinux label");
}

int stage_inherit(int fd, const struct disk_heritage *h, bool folder, bool top, struct err *err)
{
	if (h->label && label_set(fs_set_label(fd, h->label, h->label_len), err) < 0)
		return -1;
	if (!top || !(folder ? *h->defaults : h->default_named))
		return 0;
	if (fs_set_acl(fd, h->defaults, folder ? h->defaults : NULL) < 0)
		return err_sys(err, "setting the ACL '%s' that it inherits", h->defaults);
	return 0;
}

int stage_inherit_link(int dir_fd, const char *name, const struct disk_heritage *h, struct err *err)
{
	return h->label ? label_set(fs_set_label_at(dir_fd, name, h->label, h->label_len), err) : 0;
}
