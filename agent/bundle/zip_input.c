/* bundle/zip_input.c - see zip_input.h. */
#include "bundle/zip_input.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int zip_input_init(struct zip_input *in, int fd, struct err *err)
{
	in->fd = fd;
	in->at = in->window_at = in->window_len = 0;
	zip_error_init(&in->error);
	return fstat(fd, &in->st) < 0 ? err_sys(err, "reading") : 0;
}

static ssize_t read_at(int fd, void *bytes, size_t len, uint64_t at)
{
	ssize_t n;

	do
		n = pread(fd, bytes, len, (off_t)at);
	while (n < 0 && errno == EINTR);
	return n;
}

ssize_t zip_input_read(struct zip_input *in, void *bytes, size_t len, uint64_t at)
{
	if (len >= sizeof(in->window))
		return read_at(in->fd, bytes, len, at);
	if (at < in->window_at || at + len > in->window_at + in->window_len) {
		ssize_t n = read_at(in->fd, in->window, sizeof(in->window), at);

		if (n < 0)
			return -1;
		in->window_at = at;
		in->window_len = (size_t)n;
	}

	size_t have = in->window_len - (size_t)(at - in->window_at);

	len = len < have ? len : have;
	memcpy(bytes, in->window + (at - in->window_at), len);
	return (ssize_t)len;
}

static zip_int64_t tell_size(struct zip_input *in, void *data, zip_uint64_t len)
{
	zip_stat_t *st = data;

	if (len < sizeof(*st))
		return -1;
	zip_stat_init(st);
	st->size = (zip_uint64_t)in->st.st_size;
	st->valid = ZIP_STAT_SIZE;
	return sizeof(*st);
}

static zip_int64_t read_some(struct zip_input *in, void *data, zip_uint64_t len)
{
	ssize_t n = zip_input_read(in, data, len, in->at);

	if (n < 0) {
		zip_error_set(&in->error, ZIP_ER_READ, errno);
		return -1;
	}
	in->at += (uint64_t)n;
	return n;
}

static zip_int64_t go_to(struct zip_input *in, void *data, zip_uint64_t len)
{
	zip_int64_t at = zip_source_seek_compute_offset(in->at, (zip_uint64_t)in->st.st_size, data, len, &in->error);

	if (at < 0)
		return -1;
	in->at = (uint64_t)at;
	return 0;
}

static zip_int64_t on_command(void *context, void *data, zip_uint64_t len, zip_source_cmd_t command)
{
	struct zip_input *in = context;

	switch (command) {
	case ZIP_SOURCE_OPEN:
		in->at = 0;
		return 0;
	case ZIP_SOURCE_READ:
		return read_some(in, data, len);
	case ZIP_SOURCE_SEEK:
		return go_to(in, data, len);
	case ZIP_SOURCE_TELL:
		return (zip_int64_t)in->at;
	case ZIP_SOURCE_STAT:
		return tell_size(in, data, len);
	case ZIP_SOURCE_ERROR:
		return zip_error_to_data(&in->error, data, len);
	case ZIP_SOURCE_SUPPORTS:
		return ZIP_SOURCE_SUPPORTS_SEEKABLE;
	case ZIP_SOURCE_CLOSE:
	case ZIP_SOURCE_FREE:
		return 0;
	default:
		zip_error_set(&in->error, ZIP_ER_OPNOTSUPP, 0);
		return -1;
	}
}

zip_source_t *zip_input_source(struct zip_input *in, zip_error_t *error)
{
	return zip_source_function_create(on_command, in, error);
}
