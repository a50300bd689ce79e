/* daemon/instance_lock.c - flock on a file that also says whose it is. */
#include "daemon/instance_lock.h"

#include "config/state_folder.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#define LOCK_NAME "daemon.lock"

static int busy(int fd, const char *state_dir, struct err *err)
{
	char text[32];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return err_set(err, ERR_BUSY,
		       "another slipway daemon (process %s) uses the state folder '%s': stop it, or choose another one "
		       "with 'state_dir' or --root",
		       *text ? text : "?", state_dir);
}

int instance_lock(const char *state_dir, int *out, struct err *err)
{
	AUTO_FREE char *text = xasprintf("%d\n", (int)getpid());
	AUTO_FD int dir_fd = -1;
	AUTO_FD int fd = -1;

	if (state_folder_make(state_dir, err) < 0 || (dir_fd = fs_open_dir(state_dir, err)) < 0)
		return err_add(err, "state folder");
	fd = fs_open_create(dir_fd, LOCK_NAME, O_RDWR | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(err, "opening '%s/" LOCK_NAME "'", state_dir);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? busy(fd, state_dir, err) : err_sys(err, "locking '" LOCK_NAME "'");
	if (fs_truncate(fd, 0) < 0 || fs_pwrite(fd, text, strlen(text), 0) < 0)
		return err_sys(err, "writing '%s/" LOCK_NAME "'", state_dir);
	*out = TAKE_FD(fd);
	return 0;
}
