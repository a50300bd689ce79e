/* lifecycle/hook_language.c - see hook_language.h; apart from hook_lua.c, which brings Lua into a program. */
#include "lifecycle/hook_language.h"

#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

bool hook_is_lua(const char *path)
{
	char first[2];
	AUTO_FD int fd = str_ends(path, ".lua") ? open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;
	ssize_t n = fd < 0 ? -1 : read(fd, first, sizeof(first));

	return n >= 0 && !(n == 2 && first[0] == '#' && first[1] == '!');
}

bool hook_is_written_in_lua(int dir_fd, const char *location)
{
	AUTO_FD int fd = fs_open_beneath(dir_fd, location + strspn(location, "/"), O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	char head[256] = "";

	if (fd < 0 || read(fd, head, sizeof(head) - 1) < 0)
		return false;
	if (!str_starts(head, "#!"))
		return str_ends(location, ".lua");
	head[strcspn(head, "\r\n")] = '\0';
	return str_ends(head, "slipway hook");
}
