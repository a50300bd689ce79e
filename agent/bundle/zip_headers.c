/* bundle/zip_headers.c - libarchive's streaming reader beside libzip's list. */
#include "bundle/zip_headers.h"

#include "bundle/entry_guard.h"
#include "bundle/members.h"
#include "util/auto.h"
#include "util/str.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <string.h>
#include <zlib.h>

#define PACK_AGAIN "pack it again, with 'slipway bundle' or 'zip -r BUNDLE .'"

/* Bytes that each of these takes besides its texts: APPNOTE.TXT 4.3.12, 4.5.1, 4.3.16, and 4.3.14 with 4.3.15. */
enum { LIST_ENTRY = 46, FIELD_HEADER = 4, END_OF_LIST = 22, BIG_END_OF_LIST = 76 };

struct headers {
	struct zip_input *in;
	zip_t *zip;
	bool listed;
	const struct unpack_options *options;
	uint64_t at;
	unsigned char block[64 * 1024];
};

static la_ssize_t on_read(struct archive *a, void *context, const void **bytes)
{
	struct headers *h = context;
	ssize_t n = zip_input_read(h->in, h->block, sizeof(h->block), h->at);

	if (n < 0)
		archive_set_error(a, errno, "reading");
	else
		h->at += (uint64_t)n;
	*bytes = h->block;
	return n;
}

static la_int64_t on_skip(struct archive *a, void *context, la_int64_t request)
{
	struct headers *h = context;
	uint64_t left = (uint64_t)h->in->st.st_size - h->at;
	la_int64_t n = (uint64_t)request < left ? request : (la_int64_t)left;

	(void)a;
	h->at += (uint64_t)n;
	return n;
}

static bool is_plain(const char *name)
{
	for (; *name; name++)
		if ((unsigned char)*name >= 0x80)
			return false;
	return true;
}

static int differs(const char *name, struct err *err)
{
	return err_set(err, ERR_BUNDLE, "entry '%s' is not as the list at the zip's end says; " PACK_AGAIN,
		       guard_shown(name, strlen(name)).text);
}

struct content {
	uint64_t size;
	uint32_t crc;
};

/* The content that follows, but not much more than MAX of it. */
static int read_content(struct headers *h, struct archive *a, uint64_t max, struct content *out, struct err *err)
{
	const void *bytes;
	size_t len;
	la_int64_t offset;
	int status;

	*out = (struct content){ 0 };
	while ((status = archive_read_data_block(a, &bytes, &len, &offset)) == ARCHIVE_OK && out->size <= max) {
		out->size += len;
		if (len) /* with no bytes it would start anew */
			out->crc = (uint32_t)crc32_z(out->crc, bytes, len);
		if (members_stopped(h->options, err))
			return -1;
	}
	if (status == ARCHIVE_OK || status == ARCHIVE_EOF)
		return 0;
	return err_set(err, ERR_BUNDLE, "the zip is damaged (%s); fetch or pack it again", archive_error_string(a));
}

/* libarchive changes what is not plain in the name of a header, so that only the others tell something when libzip has
 * compared the bytes already. */
static bool same_name(const struct headers *h, const char *listed, const char *name)
{
	return !strcmp(listed, name) || (h->listed && !is_plain(listed));
}

/* ENTRY beside the member INDEX of the list. */
static int compare(struct headers *h, struct archive *a, struct archive_entry *entry, zip_uint64_t index,
		   struct err *err)
{
	const char *name = archive_entry_pathname(entry);
	bool has_size = archive_entry_size_is_set(entry) && archive_entry_size(entry) > 0;
	struct content content;
	zip_stat_t st;

	name = name ? name : "";
	if (zip_stat_index(h->zip, index, ZIP_FL_ENC_RAW, &st) < 0)
		return err_set(err, ERR_BUNDLE, "entry '%s' is not in the list at the zip's end; " PACK_AGAIN,
			       guard_shown(name, strlen(name)).text);
	if (!same_name(h, st.name, name) || (has_size && (uint64_t)archive_entry_size(entry) != st.size))
		return differs(name, err);
	if (has_size && h->listed)
		return 0;
	if (read_content(h, a, st.size, &content, err) < 0)
		return -1;
	return content.size != st.size || content.crc != st.crc ? differs(name, err) : 0;
}

/* How many bytes the entry INDEX of the list takes, at least. */
static uint64_t listed_bytes(zip_t *z, zip_uint64_t index)
{
	const char *name = zip_get_name(z, index, ZIP_FL_ENC_RAW);
	zip_uint32_t comment = 0;
	zip_int16_t fields = zip_file_extra_fields_count(z, index, ZIP_FL_CENTRAL);
	uint64_t sum = LIST_ENTRY + strlen(name ? name : "");

	(void)zip_file_get_comment(z, index, &comment, ZIP_FL_ENC_RAW);
	for (zip_int16_t i = 0; i < fields; i++) {
		zip_uint16_t id, len = 0;

		(void)zip_file_extra_field_get(z, index, (zip_uint16_t)i, &id, &len, ZIP_FL_CENTRAL);
		sum += FIELD_HEADER + len;
	}
	return sum + comment;
}

/* What libzip keeps to itself of the entry INDEX: the name in UTF-8 once more, and numbers of 8 bytes. */
static uint64_t hidden_bytes(const struct headers *h, zip_uint64_t index)
{
	const char *name = zip_get_name(h->zip, index, ZIP_FL_ENC_RAW);
	uint64_t big = h->in->st.st_size > UINT32_MAX ? FIELD_HEADER + 3 * sizeof(uint64_t) : 0;

	return big + (name && !is_plain(name) ? FIELD_HEADER + 5 + 3 * strlen(name) : 0);
}

/* Behind the members, which end at offset AT, there is the list and nothing else. */
static int check_end(const struct headers *h, zip_uint64_t count, uint64_t at, struct err *err)
{
	uint64_t size = (uint64_t)h->in->st.st_size;
	uint64_t spare = size > UINT32_MAX || count >= UINT16_MAX ? BIG_END_OF_LIST : 0;
	int comment = 0;

	(void)zip_get_archive_comment(h->zip, &comment, ZIP_FL_ENC_RAW);
	at += END_OF_LIST + (comment > 0 ? (uint64_t)comment : 0);
	for (zip_uint64_t i = 0; i < count; i++) {
		at += listed_bytes(h->zip, i);
		spare += hidden_bytes(h, i);
	}
	if (at <= size && size - at <= spare)
		return 0;
	return err_set(err, ERR_BUNDLE, "the zip is damaged, or something stands before or behind it; " PACK_AGAIN);
}

static int compare_all(struct headers *h, struct archive *a, struct err *err)
{
	zip_uint64_t count = (zip_uint64_t)zip_get_num_entries(h->zip, 0), i = 0;
	struct archive_entry *entry;
	int status;

	for (; (status = archive_read_next_header(a, &entry)) == ARCHIVE_OK || status == ARCHIVE_WARN; i++)
		if (compare(h, a, entry, i, err) < 0 || members_stopped(h->options, err))
			return -1;
	if (status != ARCHIVE_EOF)
		return err_set(err, ERR_BUNDLE, "the zip is damaged (%s); fetch or pack it again",
			       archive_error_string(a));
	if (i < count)
		return differs(zip_get_name(h->zip, i, ZIP_FL_ENC_RAW), err);
	return check_end(h, count, (uint64_t)archive_filter_bytes(a, 0), err);
}

static void archive_freep(struct archive **a)
{
	if (*a)
		(void)archive_read_free(*a); /* nothing to be lost when reading */
}

static int check(struct headers *h, struct err *err)
{
	AUTO(archive_freep) struct archive *a = archive_read_new();

	if (!a || archive_read_support_format_zip_streamable(a) != ARCHIVE_OK)
		return err_set(err, ERR_SYS, "setting up libarchive");
	if (archive_read_open2(a, h, NULL, on_read, on_skip, NULL) != ARCHIVE_OK)
		return err_set(err, ERR_BUNDLE, "the zip is damaged (%s); fetch or pack it again",
			       archive_error_string(a));
	return compare_all(h, a, err);
}

int zip_headers_check(struct zip_input *in, zip_t *z, bool listed, const struct unpack_options *options,
		      struct err *err)
{
	AUTO_FREE struct headers *h = xcalloc(1, sizeof(*h));

	h->in = in;
	h->zip = z;
	h->listed = listed;
	h->options = options;
	if (zip_get_num_entries(z, 0) == 0) /* libarchive would not know it */
		return check_end(h, 0, 0, err);

	/* Only in a UTF-8 locale libarchive leaves names as they are that say they are UTF-8. */
	locale_t wanted = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0);

	if (!wanted)
		return err_sys(err, "setting the locale");

	locale_t before = uselocale(wanted);
	int r = check(h, err);

	(void)uselocale(before); /* was in use before */
	freelocale(wanted);
	return r;
}
