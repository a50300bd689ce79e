/* lifecycle/log_file.c - add to a file, and make room in it or beside it. */
#include "lifecycle/log_file.h"

#include "util/auto.h"
#include "util/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define PIECE	    (64 * 1024)
#define LINE_SEARCH (128 * 1024) /* lines are no longer, give or take their marks */
#define LEFT_OUT    " bytes of output are left out here"

int capped_file_open(struct capped_file *f, int dir_fd, const char *name, uint64_t max)
{
	AUTO_FD int fd = fs_open_create(dir_fd, name, O_RDWR, 0644);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	*f = (struct capped_file){ .fd = TAKE_FD(fd), .size = (uint64_t)st.st_size, .max = max };
	return 0;
}

static ssize_t read_at(int fd, char *buf, size_t len, uint64_t offset)
{
	ssize_t n;

	do
		n = pread(fd, buf, len, (off_t)offset);
	while (n < 0 && errno == EINTR);
	return n;
}

/* The offset of the first line that begins at or after FROM; FROM itself when there is none near. */
static uint64_t line_from(int fd, uint64_t from)
{
	char buf[4096];
	ssize_t n;

	if (!from)
		return 0;
	for (uint64_t at = from - 1; at < from + LINE_SEARCH; at += (uint64_t)n) {
		n = read_at(fd, buf, sizeof(buf), at);
		if (n <= 0)
			break;

		const char *newline = memchr(buf, '\n', (size_t)n);

		if (newline)
			return at + (uint64_t)(newline - buf) + 1;
	}
	return from;
}

/* Does a line about missing bytes begin at OFFSET? Its length, and in MISSING what it says. */
static uint64_t left_out_at(int fd, uint64_t offset, uint64_t *missing)
{
	char buf[256];
	ssize_t n = read_at(fd, buf, sizeof(buf) - 1, offset);

	*missing = 0;
	if (n <= 0)
		return 0;
	buf[n] = '\0';

	char *newline = strchr(buf, '\n'), *text = strstr(buf, LEFT_OUT);

	if (!newline || !text || text > newline)
		return 0;
	for (*text = '\0'; text > buf && text[-1] >= '0' && text[-1] <= '9';)
		text--;
	*missing = strtoull(text, NULL, 10);
	return (uint64_t)(newline - buf) + 1;
}

static int move_down(int fd, uint64_t from, uint64_t end, uint64_t to)
{
	char buf[PIECE];

	while (from < end) {
		size_t want = end - from < sizeof(buf) ? (size_t)(end - from) : sizeof(buf);
		ssize_t n = read_at(fd, buf, want, from);

		if (n == 0)
			errno = EIO; /* somebody cut the file */
		if (n <= 0 || fs_pwrite(fd, buf, (size_t)n, (int64_t)to) < 0)
			return -1;
		from += (uint64_t)n;
		to += (uint64_t)n;
	}
	return 0;
}

/* Leave out the middle. On failure the file keeps its size; the next try finds the same head. */
static int make_room(struct capped_file *f, const char *stamp)
{
	uint64_t missing, head = line_from(f->fd, f->max / 2);
	uint64_t middle = head + left_out_at(f->fd, head, &missing);
	uint64_t tail = line_from(f->fd, f->size - f->max / 4);
	char text[256];

	if (tail < middle)
		return 0; /* one line is larger than all this: let it stand */

	int n = snprintf(text, sizeof(text), "%s%" PRIu64 LEFT_OUT ": this log is capped at %" PRIu64 " bytes\n", stamp,
			 missing + tail - middle, f->max);

	if (n < 0 || head + (uint64_t)n > tail)
		return 0;
	if (fs_pwrite(f->fd, text, (size_t)n, (int64_t)head) < 0 ||
	    move_down(f->fd, tail, f->size, head + (uint64_t)n) < 0)
		return -1;

	uint64_t size = head + (uint64_t)n + f->size - tail;

	if (fs_truncate(f->fd, (int64_t)size) < 0)
		return -1;
	f->size = size;
	return 0;
}

int capped_file_add(struct capped_file *f, const char *stamp, const char *bytes, size_t len)
{
	while (len) {
		size_t n = len < f->max / 4 ? len : (size_t)(f->max / 4);

		if (f->size + n > f->max && make_room(f, stamp) < 0)
			return -1;
		if (fs_pwrite(f->fd, bytes, n, (int64_t)f->size) < 0)
			return -1;
		f->size += n;
		bytes += n;
		len -= n;
	}
	return 0;
}

static int open_rotated(struct rotated_file *f, const char *first)
{
	AUTO_FD int fd = fs_open_create(f->dir_fd, f->name, O_WRONLY | O_APPEND, 0644);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	if (st.st_size == 0 && fs_write(fd, first, strlen(first)) < 0)
		return -1;
	auto_closep(&f->fd);
	f->fd = TAKE_FD(fd);
	return 0;
}

/* Is our descriptor still the file of that name? Another process may have renamed it. */
static int is_current(const struct rotated_file *f, uint64_t *size)
{
	struct stat ours, named;

	if (f->fd < 0 || fstat(f->fd, &ours) < 0 || fstatat(f->dir_fd, f->name, &named, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	*size = (uint64_t)ours.st_size;
	return ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
}

static int numbered(char out[NAME_MAX + 1], const char *name, int number)
{
	int n = number < 0 ? snprintf(out, NAME_MAX + 1, "%s", name)
			   : snprintf(out, NAME_MAX + 1, "%s.%d", name, number);

	return n < 0 || n > NAME_MAX ? -1 : 0;
}

static int shift(const struct rotated_file *f)
{
	for (int i = ROTATED_FILES - 3; i >= -1; i--) {
		char from[NAME_MAX + 1], to[NAME_MAX + 1];

		if (numbered(from, f->name, i) < 0 || numbered(to, f->name, i + 1) < 0) {
			errno = ENAMETOOLONG;
			return -1;
		}
		if (fs_rename(f->dir_fd, from, f->dir_fd, to) < 0 && errno != ENOENT)
			return -1;
	}
	return 0;
}

/* Whoever gets the lock on the full file shifts; who does not writes on into it for now. */
static int rotate(struct rotated_file *f, const char *first)
{
	uint64_t size = 0;

	if (flock(f->fd, LOCK_EX | LOCK_NB) < 0)
		return 0;
	if (is_current(f, &size) && size > f->max && shift(f) < 0) {
		(void)flock(f->fd, LOCK_UN); /* closing would do as well */
		return -1;
	}
	return open_rotated(f, first);
}

int rotated_file_add(struct rotated_file *f, const char *first, const char *bytes, size_t len)
{
	uint64_t size = 0;

	if (!is_current(f, &size) && open_rotated(f, first) < 0)
		return -1;
	if (size > f->max && rotate(f, first) < 0)
		return -1;
	return fs_write(f->fd, bytes, len);
}
