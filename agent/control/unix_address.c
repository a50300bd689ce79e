/* control/unix_address.c - through /proc/self/fd, which is short. */
#include "control/unix_address.h"

#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <stdio.h>
#include <sys/socket.h>

int unix_address(const char *path, struct sockaddr_un *out, int *dir_fd, struct err *err)
{
	const char *name = str_base_name(path);
	AUTO_FREE char *folder = xstrndup(path, (size_t)(name - path));
	int fd = fs_open_dir(*folder ? folder : ".", err);

	if (fd < 0)
		return -1;
	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };

	int n = snprintf(out->sun_path, sizeof(out->sun_path), "/proc/self/fd/%d/%s", fd, name);

	if (!*name || n < 0 || (size_t)n >= sizeof(out->sun_path)) {
		(void)close(fd);
		return err_set(err, ERR_CONFIG, "the name of the socket '%s' is too long or missing", path);
	}
	*dir_fd = fd;
	return 0;
}
