/* appspec/appspec_file.c - see appspec_file.h. */
#include "appspec/appspec_file.h"

#include "appspec/appspec.h"
#include "util/auto.h"
#include "util/fs.h"

#include <fcntl.h>

int appspec_file_read_fd(int fd, const char *name, struct str *text, struct err *err)
{
	char buf[16384];

	for (;;) {
		ssize_t n = read(fd, buf, sizeof(buf));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "reading '%s'", name);
		if (n == 0)
			return 0;
		if (text->len + (size_t)n > APPSPEC_MAX_BYTES || str_append(text, buf, (size_t)n) < 0)
			return err_set(err, ERR_APPSPEC, "'%s' is larger than %d bytes, the most that is read", name,
				       APPSPEC_MAX_BYTES);
	}
}

/* 0: there is no such file. */
static int read_named(int dir_fd, const char *name, struct str *text, struct err *err)
{
	AUTO_FD int fd = fs_open_beneath(dir_fd, name, O_RDONLY | O_NONBLOCK, 0);
	struct stat st;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0 && (errno == ELOOP || errno == EXDEV))
		return err_set(err, ERR_APPSPEC, "'%s' is a link or leads out of the bundle: it must be a file in it",
			       name);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "opening '%s'", name);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_APPSPEC, "'%s' is not a file", name);
	return appspec_file_read_fd(fd, name, text, err) < 0 ? -1 : 1;
}

int appspec_file_read(int dir_fd, const char *filename, struct str *text, const char **used, struct err *err)
{
	const char *const names[] = { filename ? filename : "appspec.yml", "appspec.yaml", "appspec.yml" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		int r = read_named(dir_fd, names[i], text, err);

		if (r > 0)
			*used = names[i];
		if (r)
			return r;
	}
	return 0;
}
