/* bundle/zip_members.c - libzip decodes zip, and compares what it says of each member in its two places.
 *
 * Modes and links as Info-ZIP's unzip makes them, which the AWS agent runs: unix/unix.c, mapattr(). What differs: a
 * mode of 0 (left out by its maker) becomes 0644, or 0755 for a folder. No owners; setuid, setgid and sticky go, as
 * without unzip's -K.
 */
#include "bundle/entry_guard.h"
#include "bundle/members.h"
#include "bundle/zip_headers.h"
#include "bundle/zip_input.h"
#include "util/auto.h"
#include "util/str.h"

#include <endian.h>
#include <string.h>
#include <sys/stat.h>
#include <zip.h>

enum {
	PIECE = 64 * 1024,
	UNIX_TIMES = 0x5455, /* extra field "UT": a byte of flags, bit 0: a modification time follows, 4 bytes */
};

struct zip {
	const struct unpack_options *options;
	zip_t *archive;
	bool listed; /* libzip has compared the list with the members */
	zip_file_t *file;
	zip_uint64_t index, count;
	uint64_t packed, offset;
	char link[GUARD_PATH_MAX + 1];
	char name[256]; /* of the member, for messages */
	struct zip_input in;
	unsigned char piece[PIECE];
};

static void close_file(struct zip *z)
{
	if (z->file)
		(void)zip_fclose(z->file); /* its errors came when it was read */
	z->file = NULL;
}

static void close_zip(void *state)
{
	struct zip *z = state;

	if (!z)
		return;
	close_file(z);
	if (z->archive)
		zip_discard(z->archive);
	free(z);
}

static void close_zipp(struct zip **z)
{
	close_zip(*z);
}

/* MEMBER: NULL is the whole file. */
static int zip_failed(const char *member, zip_error_t *e, struct err *err)
{
	if (zip_error_system_type(e) == ZIP_ET_SYS)
		return err_set(err, ERR_SYS, "reading: %s", zip_error_strerror(e));
	if (member)
		return err_set(err, ERR_BUNDLE, "entry '%s' is damaged (%s); fetch or pack it again", member,
			       zip_error_strerror(e));
	return err_set(err, ERR_BUNDLE,
		       "the zip is damaged, cut short or more than one archive (%s); fetch or pack it again",
		       zip_error_strerror(e));
}

static int try_to_open(struct zip *z, int flags, zip_error_t *why)
{
	zip_source_t *source = zip_input_source(&z->in, why);

	z->archive = source ? zip_open_from_source(source, ZIP_RDONLY | flags, why) : NULL;
	if (z->archive)
		return 0;
	zip_source_free(source);
	return -1;
}

static int open_zip(struct bundle_stream *stream, const struct unpack_options *options, struct unpack_report *report,
		    void **out, struct err *err)
{
	AUTO(close_zipp) struct zip *z = xcalloc(1, sizeof(*z));
	zip_error_t why;

	(void)report;
	z->options = options;
	if (zip_input_init(&z->in, bundle_stream_fd(stream), err) < 0)
		return -1;
	zip_error_init(&why);

	if (try_to_open(z, ZIP_CHECKCONS, &why) == 0)
		z->listed = true;
	else if (zip_error_code_zip(&why) == ZIP_ER_INCONS || zip_error_code_zip(&why) == ZIP_ER_EXISTS)
		/* bsdtar's say a size too early, Python's may have one name twice */
		(void)try_to_open(z, 0, &why);
	if (!z->archive) {
		(void)zip_failed(NULL, &why, err);
		zip_error_fini(&why);
		return -1;
	}
	z->count = (zip_uint64_t)zip_get_num_entries(z->archive, 0);
	if (guard_entries(z->count, options->max_entries, err) < 0)
		return -1;
	*out = TAKE_PTR(z);
	return 0;
}

static mode_t default_mode(bool folder)
{
	return folder ? S_IFDIR | 0755 : S_IFREG | 0644;
}

/* The upper half of the attributes is a mode where the maker's system has such, or where it agrees with the lower
 * half, which DOS made. */
static mode_t mode_of(unsigned char system, uint32_t attributes, bool folder)
{
	static const unsigned char with_modes[] = { ZIP_OPSYS_UNIX,	  ZIP_OPSYS_OPENVMS, ZIP_OPSYS_ATARI_ST,
						    ZIP_OPSYS_ACORN_RISC, ZIP_OPSYS_BEOS,    ZIP_OPSYS_TANDEM,
						    ZIP_OPSYS_OS_X };
	mode_t mode = attributes >> 16;
	mode_t dos = 0400 | (attributes & 1 ? 0 : 0200) | (folder || attributes & 0x10 ? 0100 : 0);
	bool is_folder = folder || S_ISDIR(mode) || (!(mode & S_IFMT) && attributes & 0x10);

	if (mode == 0 || (!memchr(with_modes, system, sizeof(with_modes)) && (mode & 0700) != dos))
		return attributes & 1 ? default_mode(is_folder) & ~(mode_t)0222 : default_mode(is_folder);
	if (is_folder)
		return S_IFDIR | (mode & 0777);
	return (mode & S_IFMT ? mode & S_IFMT : S_IFREG) | (mode & 0777);
}

/* "UT" knows the time zone, the member's own time does not. */
static time_t time_of(const struct zip *z, const zip_stat_t *st)
{
	zip_uint16_t len = 0;
	const zip_uint8_t *field = zip_file_extra_field_get_by_id(z->archive, z->index, UNIX_TIMES, 0, &len,
								  ZIP_FL_CENTRAL);
	uint32_t seconds;

	if (!field || len < 5 || !(field[0] & 1))
		return st->valid & ZIP_STAT_MTIME ? st->mtime : 0;
	memcpy(&seconds, field + 1, sizeof(seconds));
	return (int32_t)le32toh(seconds);
}

static int check_member(const struct zip *z, const zip_stat_t *st, struct err *err)
{
	if (strchr(st->name, '\\'))
		return err_set(err, ERR_BUNDLE,
			       "entry '%s' has a backslash in its name; pack it with a program that writes '/'",
			       z->name);
	if (st->encryption_method != ZIP_EM_NONE)
		return err_set(err, ERR_BUNDLE, "entry '%s' is encrypted; pack it without a password", z->name);
	if (st->comp_method != ZIP_CM_STORE && st->comp_method != ZIP_CM_DEFLATE)
		return err_set(err, ERR_BUNDLE,
			       "entry '%s' is packed by method %u; supported are 0 (stored) and 8 (deflate): pack it "
			       "again with 'slipway bundle' or 'zip -r BUNDLE .'",
			       z->name, st->comp_method);
	return st->size > INT64_MAX
		       ? err_set(err, ERR_BUNDLE, "entry '%s' is damaged: its size; pack it again", z->name)
		       : 0;
}

static int zip_piece(void *state, const void **bytes, size_t *len, uint64_t *offset, struct err *err)
{
	struct zip *z = state;
	zip_int64_t n = z->file ? zip_fread(z->file, z->piece, sizeof(z->piece)) : 0;

	if (n < 0)
		return zip_failed(z->name, zip_file_get_error(z->file), err);
	*bytes = z->piece;
	*len = (size_t)n;
	*offset = z->offset;
	z->offset += (uint64_t)n;
	if (n == 0)
		close_file(z);
	return n > 0;
}

/* The content of a link is where it leads. */
static int take_link(struct zip *z, struct err *err)
{
	const void *bytes;
	size_t len, filled = 0;
	uint64_t offset;
	int found;

	while ((found = zip_piece(z, &bytes, &len, &offset, err)) > 0) {
		if (len >= sizeof(z->link) - filled || memchr(bytes, '\0', len))
			return err_set(err, ERR_BUNDLE,
				       "the link '%s' leads to more than 4095 bytes or to what is no name; pack it "
				       "again",
				       z->name);
		memcpy(z->link + filled, bytes, len);
		filled += len;
	}
	z->link[filled] = '\0';
	return found;
}

/* Members that say they are packed in more bytes than the file has count for no more than it. */
static void count_packed(struct zip *z, const zip_stat_t *st)
{
	uint64_t all = (uint64_t)z->in.st.st_size;

	if (__builtin_add_overflow(z->packed, st->comp_size, &z->packed) || z->packed > all)
		z->packed = all;
}

static int next_zip(void *state, struct archive_member *out, struct err *err)
{
	struct zip *z = state;
	zip_uint8_t system = 0;
	zip_uint32_t attributes = 0;
	zip_stat_t st;

	close_file(z);
	if (z->index == z->count)
		return 0;
	if (zip_stat_index(z->archive, z->index, ZIP_FL_ENC_RAW, &st) < 0 ||
	    zip_file_get_external_attributes(z->archive, z->index, 0, &system, &attributes) < 0)
		return zip_failed(NULL, zip_get_error(z->archive), err);
	memcpy(z->name, guard_shown(st.name, strlen(st.name)).text, sizeof(z->name));
	if (check_member(z, &st, err) < 0)
		return -1;
	z->file = zip_fopen_index(z->archive, z->index, 0);
	if (!z->file)
		return zip_failed(z->name, zip_get_error(z->archive), err);
	count_packed(z, &st);
	z->offset = 0;
	*out = (struct archive_member){
		.name = st.name,
		.mode = mode_of(system, attributes, str_ends(st.name, "/")),
		.size = (int64_t)st.size,
		.mtime.tv_sec = time_of(z, &st),
	};
	z->index++;
	if (!S_ISLNK(out->mode))
		return 1;
	out->link = z->link;
	return take_link(z, err) < 0 ? -1 : 1;
}

static uint64_t zip_packed(const void *state)
{
	return ((const struct zip *)state)->packed;
}

/* A zip is read to and fro: what was unpacked and what is hashed must be the same file. */
static int check_unchanged(const struct zip *z, struct err *err)
{
	const struct stat *before = &z->in.st;
	struct stat st;

	if (fstat(z->in.fd, &st) < 0)
		return err_sys(err, "reading");
	if (st.st_size == before->st_size && st.st_mtim.tv_sec == before->st_mtim.tv_sec &&
	    st.st_mtim.tv_nsec == before->st_mtim.tv_nsec)
		return 0;
	return err_set(err, ERR_BUNDLE, "the file was changed while it was unpacked; do it again when it is complete");
}

static int finish_zip(void *state, struct err *err)
{
	struct zip *z = state;

	return zip_headers_check(&z->in, z->archive, z->listed, z->options, err) < 0 || check_unchanged(z, err) < 0 ? -1
														    : 0;
}

const struct members_kind zip_members = {
	.open = open_zip,
	.next = next_zip,
	.piece = zip_piece,
	.packed = zip_packed,
	.finish = finish_zip,
	.close = close_zip,
};
