/* bundle/bundle_stream.c - what a bundle file is, and decompressing it block by block. */
#include "bundle/bundle_stream.h"

#include "bundle/block_reader.h"
#include "bundle/gunzip.h"
#include "util/auto.h"
#include "util/str.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	UNPACKED_BLOCK = 64 * 1024, /* with what it is made from it lies in the processor's own cache */
	THREAD_FROM = 1024 * 1024,  /* below, starting one takes as long as hashing */
};

struct bundle_stream {
	int fd;
	uint64_t packed, unpacked;
	struct block_reader *blocks;
	const unsigned char *block; /* as it stands in the file */
	size_t block_len;
	const char *type;
	bool block_waits; /* it was read to see what it is, and not handed out yet */
	int (*next)(struct bundle_stream *s, const void **bytes, size_t *len, struct err *err);

	const struct gunzip_backend *gunzip;
	void *gunzip_state;
	struct gunzip_io gzip;
	bool gzip_ended;
	unsigned char *gzip_out;

	struct archive *zstd;
	struct err zstd_err; /* of a failed read below libarchive */
};

/* The next block of the file itself. 1, or 0 at its end. */
static int next_block(struct bundle_stream *s, struct err *err)
{
	if (s->block_waits) {
		s->block_waits = false;
		return 1;
	}

	int found = block_reader_next(s->blocks, &s->block, &s->block_len, err);

	if (found > 0)
		s->packed += s->block_len;
	return found;
}

static int next_plain(struct bundle_stream *s, const void **bytes, size_t *len, struct err *err)
{
	int found = next_block(s, err);

	*bytes = s->block;
	*len = s->block_len;
	return found;
}

/* The file's next block as gzip's input. 1, or 0 at its end. */
static int refill_gzip(struct bundle_stream *s, struct err *err)
{
	int found = next_block(s, err);

	s->gzip.in = s->block;
	s->gzip.in_len = found > 0 ? s->block_len : 0;
	return found;
}

/* At the end of one gzip member: is there another one behind it? */
static int gzip_goes_on(struct bundle_stream *s, struct err *err)
{
	if (s->gzip.in_len == 0) {
		int found = refill_gzip(s, err);

		if (found <= 0)
			return found;
	}
	if (s->gzip.in[0] != 0x1f || (s->gzip.in_len > 1 && s->gzip.in[1] != 0x8b))
		return 0;
	s->gunzip->restart(s->gunzip_state);
	return 1;
}

static int damaged_gzip(const char *why, struct err *err)
{
	return err_set(err, ERR_BUNDLE, "the file is damaged (gzip: %s); fetch or pack it again", why);
}

static int inflate_some(struct bundle_stream *s, struct err *err)
{
	const struct gunzip_io before = s->gzip;
	const char *why = "";
	int r = s->gunzip->step(s->gunzip_state, &s->gzip, &why);

	if (r < 0)
		return damaged_gzip(why, err);
	if (r > 0) {
		int more = gzip_goes_on(s, err);

		s->gzip_ended = more == 0;
		return more < 0 ? -1 : 0;
	}
	if (s->gzip.out_len == 0)
		return 0;
	if (s->gzip.in_len) /* it has input and room: if it does nothing now, it never will */
		return s->gzip.in == before.in && s->gzip.out == before.out ? damaged_gzip("cannot be unpacked", err)
									    : 0;

	int found = refill_gzip(s, err);

	if (found < 0)
		return -1;
	return found ? 0 : err_set(err, ERR_BUNDLE, "the file is cut short; fetch or pack it again");
}

static int next_gzip(struct bundle_stream *s, const void **bytes, size_t *len, struct err *err)
{
	s->gzip.out = s->gzip_out;
	s->gzip.out_len = UNPACKED_BLOCK;
	while (s->gzip.out_len && !s->gzip_ended)
		if (inflate_some(s, err) < 0)
			return -1;
	*bytes = s->gzip_out;
	*len = UNPACKED_BLOCK - s->gzip.out_len;
	return *len > 0;
}

static int open_gzip(struct bundle_stream *s, struct err *err)
{
	s->gunzip = gunzip_backends[0];
	s->gunzip_state = s->gunzip->create();
	if (!s->gunzip_state)
		return err_set(err, ERR_SYS, "setting up %s", s->gunzip->name);
	s->gzip_out = xmalloc(UNPACKED_BLOCK);
	s->next = next_gzip;
	return 0;
}

static la_ssize_t read_zstd(struct archive *a, void *context, const void **bytes)
{
	struct bundle_stream *s = context;
	int found = next_block(s, &s->zstd_err);

	if (found < 0)
		archive_set_error(a, s->zstd_err.sys, "%s", s->zstd_err.msg);
	*bytes = s->block;
	return found < 0 ? -1 : (la_ssize_t)s->block_len;
}

static int zstd_failed(struct bundle_stream *s, struct err *err)
{
	if (s->zstd_err.kind) {
		*err = s->zstd_err;
		return -1;
	}
	return err_set(err, ERR_BUNDLE, "the file is damaged or cut short (%s); fetch or pack it again",
		       archive_error_string(s->zstd));
}

static int next_zstd(struct bundle_stream *s, const void **bytes, size_t *len, struct err *err)
{
	la_int64_t offset;
	int r = archive_read_data_block(s->zstd, bytes, len, &offset);

	if (r == ARCHIVE_EOF)
		return 0;
	return r == ARCHIVE_OK ? 1 : zstd_failed(s, err);
}

/* The memory which unpacking the first frame needs, from its header (RFC 8878 section 3.1.1.1); libarchive does not
 * let us bound it. 0: cannot be told. */
static uint64_t zstd_window(const unsigned char *bytes, size_t len)
{
	static const unsigned char id_bytes[] = { 0, 1, 2, 4 };
	static const unsigned char size_bytes[] = { 1, 2, 4, 8 };

	if (len < 18)
		return 0;

	unsigned descriptor = bytes[4];

	if (!(descriptor & 0x20)) {
		uint64_t base = (uint64_t)1 << (10 + (bytes[5] >> 3));

		return base + base / 8 * (bytes[5] & 7);
	}

	const unsigned char *field = bytes + 5 + id_bytes[descriptor & 3];
	unsigned width = size_bytes[descriptor >> 6];
	uint64_t size = width == 2 ? 256 : 0;

	for (unsigned i = 0; i < width; i++)
		size += (uint64_t)field[i] << (8 * i);
	return size;
}

static int open_zstd(struct bundle_stream *s, struct err *err)
{
	static const uint64_t most = 8 << 20;
	uint64_t window = zstd_window(s->block, s->block_len);
	struct archive_entry *entry;

	if (window > most)
		return err_set(
			err, ERR_BUNDLE,
			"it needs a zstd window of %llu MiB, the limit is 8 MiB; pack it without --long or --ultra",
			(unsigned long long)((window + (1 << 20) - 1) >> 20));
	s->zstd = archive_read_new();
	if (!s->zstd || archive_read_support_filter_zstd(s->zstd) != ARCHIVE_OK ||
	    archive_read_support_format_raw(s->zstd) != ARCHIVE_OK)
		return err_set(err, ERR_SYS, "this libarchive cannot unpack zstd");
	if (archive_read_open(s->zstd, s, NULL, read_zstd, NULL) != ARCHIVE_OK ||
	    archive_read_next_header(s->zstd, &entry) != ARCHIVE_OK)
		return zstd_failed(s, err);
	s->next = next_zstd;
	return 0;
}

static int open_zip(struct bundle_stream *s, struct err *err)
{
	(void)s, (void)err; /* who reads it unpacks it */
	return 0;
}

static const struct {
	const char *magic;
	size_t len;
	int (*open)(struct bundle_stream *s, struct err *err); /* NULL: not supported */
	const char *what;				       /* its type, or for people */
} kinds[] = {
	{ "\x1f\x8b", 2, open_gzip, "tgz" },
	{ "\x28\xb5\x2f\xfd", 4, open_zstd, "tar.zst" },
	{ "PK\x03\x04", 4, open_zip, "zip" },
	{ "PK\x05\x06", 4, open_zip, "zip" }, /* without members */
	{ "BZh", 3, NULL, "compressed by bzip2" },
	{ "\xfd"
	  "7zXZ",
	  5, NULL, "compressed by xz" },
	{ "7z\xbc\xaf\x27\x1c", 6, NULL, "a 7-zip archive" },
	{ "\x1f\x9d", 2, NULL, "compressed by compress" },
	{ "\x04\x22\x4d\x18", 4, NULL, "compressed by lz4" },
	{ "Rar!", 4, NULL, "a rar archive" },
	{ "!<arch>", 7, NULL, "an ar archive (a Debian package?)" },
};

static int choose_kind(struct bundle_stream *s, struct err *err)
{
	s->next = next_plain;
	s->type = "tar";
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (s->block_len < kinds[i].len || memcmp(s->block, kinds[i].magic, kinds[i].len) != 0)
			continue;
		s->type = kinds[i].what;
		if (kinds[i].open)
			return kinds[i].open(s, err);
		return err_set(err, ERR_BUNDLE,
			       "it is %s; supported are " BUNDLE_SUPPORTED ": pack it again as one of these",
			       kinds[i].what);
	}
	return 0;
}

int bundle_stream_open(const char *path, bool threads, struct bundle_stream **out, struct err *err)
{
	AUTO(bundle_stream_freep) struct bundle_stream *s = xcalloc(1, sizeof(*s));
	struct stat st;

	s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (s->fd < 0 || fstat(s->fd, &st) < 0) {
		err_sys(err, "opening");
		err->kind = ERR_SOURCE;
		return -1;
	}
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_BUNDLE, "it is no regular file");
	s->blocks = block_reader_new(s->fd, threads && st.st_size >= THREAD_FROM);

	int found = next_block(s, err);

	if (found < 0)
		return -1;
	if (!found)
		return err_set(err, ERR_BUNDLE, "the file is empty");
	s->block_waits = true;
	if (choose_kind(s, err) < 0)
		return -1;
	*out = TAKE_PTR(s);
	return 0;
}

void bundle_stream_free(struct bundle_stream *s)
{
	if (!s)
		return;
	if (s->gunzip_state)
		s->gunzip->destroy(s->gunzip_state);
	if (s->zstd)
		(void)archive_read_free(s->zstd); /* nothing to be lost when reading */
	free(s->gzip_out);
	block_reader_free(s->blocks);
	auto_closep(&s->fd);
	free(s);
}

int bundle_stream_next(struct bundle_stream *s, const void **bytes, size_t *len, struct err *err)
{
	int found = s->next(s, bytes, len, err);

	if (found > 0)
		s->unpacked += *len;
	return found;
}

bool bundle_stream_is_zip(const struct bundle_stream *s)
{
	return !strcmp(s->type, "zip");
}

const char *bundle_stream_type(const struct bundle_stream *s)
{
	return s->type;
}

int bundle_stream_fd(const struct bundle_stream *s)
{
	return s->fd;
}

uint64_t bundle_stream_packed(const struct bundle_stream *s)
{
	return s->packed;
}

uint64_t bundle_stream_unpacked(const struct bundle_stream *s)
{
	return s->unpacked;
}

int bundle_stream_digest(struct bundle_stream *s, unsigned char out[DIGEST_BYTES], struct err *err)
{
	int found;

	s->block_waits = false;
	while ((found = next_block(s, err)) > 0)
		;
	if (found < 0)
		return -1;
	block_reader_digest(s->blocks, out);
	return 0;
}
