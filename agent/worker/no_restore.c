/* worker/no_restore.c - made, looked at, removed. */
#include "worker/no_restore.h"

#include "format/plain.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define NEW_NAME   NO_RESTORE_NAME ".new"
#define REASON_MAX 1024

static int make(int dir_fd)
{
	const struct timespec oldest[2] = { { 0 }, { 0 } };
	AUTO_FD int fd = -1;

	if (fs_unlink(dir_fd, NEW_NAME) < 0 && errno != ENOENT)
		return -1;
	fd = fs_create(dir_fd, NEW_NAME, O_WRONLY, 0600);
	if (fd < 0 || fs_utimens(fd, oldest) < 0 || fs_rename(dir_fd, NEW_NAME, dir_fd, NO_RESTORE_NAME) < 0)
		return -1;
	return TAKE_FD(fd);
}

int no_restore_open(int dir_fd, struct err *err)
{
	int fd = openat(dir_fd, NO_RESTORE_NAME, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		fd = make(dir_fd);
	return fd < 0 ? err_sys(err, "making '" NO_RESTORE_NAME "'") : fd;
}

char *no_restore_reason(int dir_fd, const struct mask *mask)
{
	AUTO_FD int fd = openat(dir_fd, NO_RESTORE_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char text[REASON_MAX];
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || (!st.st_size && !st.st_mtim.tv_sec && !st.st_mtim.tv_nsec))
		return NULL;

	ssize_t n = read(fd, text, sizeof(text) - 1);
	size_t len = n > 0 ? (size_t)n : 0;

	if (mask && len == sizeof(text) - 1) /* it is cut, perhaps in the middle of a secret */
		len -= mask_partial(mask, text, len);
	text[len] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (mask) /* as it was written, before it is made fit to be shown */
		mask_hide_string(mask, text);
	return *text ? plain_path(text) : xstrdup("a hook marked a point of no return");
}

void no_restore_tidy(int dir_fd)
{
	AUTO_FREE char *reason = no_restore_reason(dir_fd, NULL);

	(void)fs_unlink(dir_fd, NEW_NAME); /* of a process that was ended while it made the file */
	if (!reason)
		(void)fs_unlink(dir_fd, NO_RESTORE_NAME);
}
