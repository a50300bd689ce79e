/* installer/journal.c - records in batches, torn tails cut, damage noticed. */
#include "installer/journal.h"

#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <fcntl.h>
#include <string.h>
#include <zlib.h>

#define JOURNAL_MAX_BYTES ((size_t)2 << 30)
#define PENDING_MAX	  (256 * 1024)
#define FIRST_ROOM	  8192 /* header, places, and the last words of any journal */

struct record_head {
	uint32_t length, sequence;
	uint32_t first; /* sequence of the first record of its batch */
	uint32_t type;
};

struct journal {
	int fd;
	int dir_fd;  /* until the journal's name is durable; -1 */
	int64_t end; /* where the next batch goes */
	uint32_t sequence, first;
	struct str pending;
	struct str image; /* the file as it was opened */
	struct journal_record *records;
	size_t count, capacity;
};

void journal_free(struct journal *j)
{
	if (!j)
		return;
	auto_closep(&j->fd);
	auto_closep(&j->dir_fd);
	str_done(&j->pending);
	str_done(&j->image);
	free(j->records);
	free(j);
}

static void journal_freep(struct journal **j)
{
	journal_free(*j);
}

static struct journal *journal_new(int fd)
{
	struct journal *j = xcalloc(1, sizeof(*j));

	j->fd = fd;
	j->dir_fd = -1;
	j->pending = STR_INIT(JOURNAL_MAX_BYTES);
	j->image = STR_INIT(JOURNAL_MAX_BYTES);
	return j;
}

/* Where the file system cannot preallocate (NFS, some FUSE), records are appended like anywhere else. */
static int allocate(struct journal *j, int64_t length, struct err *err)
{
	if (fs_allocate(j->fd, length) == 0 || errno == EOPNOTSUPP || errno == ENOSYS)
		return 0;
	return err_sys(err, "reserving room for the journal");
}

int journal_create(int dir_fd, struct journal **out, struct err *err)
{
	int fd = fs_create(dir_fd, JOURNAL_NAME, O_RDWR, 0600);

	if (fd < 0)
		return err_sys(err, "creating the journal");

	AUTO(journal_freep) struct journal *j = journal_new(fd);
	const uint32_t version = JOURNAL_VERSION;

	if (allocate(j, FIRST_ROOM, err) < 0 || journal_add(j, JOURNAL_HEADER, &version, sizeof(version), err) < 0)
		return -1;
	j->dir_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
	if (j->dir_fd < 0)
		return err_sys(err, "opening the journal's folder");
	*out = TAKE_PTR(j);
	return 0;
}

int journal_reserve(struct journal *j, size_t bytes, size_t count, struct err *err)
{
	size_t room = bytes + count * (sizeof(struct record_head) + sizeof(uint32_t)) + FIRST_ROOM;

	if (room > JOURNAL_MAX_BYTES)
		return err_set(err, ERR_STATE, "the journal would pass %zu bytes", JOURNAL_MAX_BYTES);
	return allocate(j, j->end + (int64_t)room, err);
}

static int write_pending(struct journal *j, struct err *err)
{
	if (!j->pending.len)
		return 0;
	if (fs_pwrite(j->fd, j->pending.data, j->pending.len, j->end) < 0)
		return err_sys(err, "writing the journal");
	j->end += (int64_t)j->pending.len;
	str_clear(&j->pending);
	return 0;
}

int journal_add(struct journal *j, enum journal_type type, const void *payload, size_t len, struct err *err)
{
	const struct record_head head = { (uint32_t)len, j->sequence, j->first, (uint32_t)type };
	size_t start = j->pending.len;

	if (str_append(&j->pending, &head, sizeof(head)) < 0 || str_append(&j->pending, payload, len) < 0)
		return err_set(err, ERR_STATE, "a journal record of %zu bytes is too long", len);

	uint32_t crc = (uint32_t)crc32_z(crc32_z(0, NULL, 0), (const unsigned char *)j->pending.data + start,
					 j->pending.len - start);

	(void)str_append(&j->pending, &crc, sizeof(crc)); /* four bytes more: the limit is far */
	j->sequence++;
	return j->pending.len >= PENDING_MAX ? write_pending(j, err) : 0;
}

int journal_flush(struct journal *j, struct err *err)
{
	if (write_pending(j, err) < 0)
		return -1;
	if (fs_fdatasync(j->fd) < 0)
		return err_sys(err, "flushing the journal");
	if (j->dir_fd >= 0) {
		if (fs_fsync(j->dir_fd) < 0)
			return err_sys(err, "flushing the journal's folder");
		auto_closep(&j->dir_fd);
		j->dir_fd = -1;
	}
	j->first = j->sequence;
	return 0;
}

int journal_mark(struct journal *j, enum journal_type type, struct err *err)
{
	return journal_add(j, type, "", 0, err) < 0 ? -1 : journal_flush(j, err);
}

int journal_close(struct journal *j, struct err *err)
{
	return journal_add(j, JOURNAL_END, "", 0, err) < 0 ? -1 : write_pending(j, err);
}

/* Is there a sound record at AT? *NEXT is where the one after it starts. */
static bool sound_at(const struct str *image, size_t at, struct record_head *head, size_t *next)
{
	uint32_t crc;

	if (image->len - at < sizeof(*head) + sizeof(crc))
		return false;
	memcpy(head, image->data + at, sizeof(*head));
	if (!head->type || head->type >= JOURNAL_TYPE_COUNT ||
	    head->length > image->len - at - sizeof(*head) - sizeof(crc))
		return false;

	size_t body = sizeof(*head) + head->length;

	memcpy(&crc, image->data + at + body, sizeof(crc));
	*next = at + body + sizeof(crc);
	return crc == crc32_z(crc32_z(0, NULL, 0), (const unsigned char *)image->data + at, body);
}

/* Behind the first record that is not sound: a sound one of a later batch was written when that one was durable. */
static bool damaged_in_the_middle(const struct journal *j, size_t from)
{
	struct record_head head;
	size_t next;

	for (size_t at = from; at + sizeof(head) < j->image.len; at++)
		if (sound_at(&j->image, at, &head, &next) && head.first > j->sequence)
			return true;
	return false;
}

static void keep_record(struct journal *j, const struct record_head *head, size_t at)
{
	if (j->count == j->capacity) {
		j->capacity = j->capacity ? j->capacity * 2 : 64;
		j->records = xrealloc(j->records, j->capacity * sizeof(*j->records));
	}
	j->records[j->count++] = (struct journal_record){
		.type = (enum journal_type)head->type,
		.payload = j->image.data + at + sizeof(*head),
		.len = head->length,
	};
}

static int parse(struct journal *j, struct err *err)
{
	struct record_head head;
	size_t at = 0, next;

	while (sound_at(&j->image, at, &head, &next) && head.sequence == j->sequence) {
		keep_record(j, &head, at);
		j->sequence++;
		at = next;
	}
	if (damaged_in_the_middle(j, at))
		return err_set(err, ERR_STATE,
			       "the journal is damaged at byte %zu, before its end; the disk lost what it had promised "
			       "to keep",
			       at);
	j->end = (int64_t)at;
	j->first = j->sequence;
	return 0;
}

/* What a torn batch left behind must never be taken for a record once new ones are written before it. */
static int cut_tail(struct journal *j, struct err *err)
{
	if (fs_truncate(j->fd, j->end) < 0)
		return err_sys(err, "cutting the torn end of the journal");
	return allocate(j, j->end + FIRST_ROOM, err);
}

static bool tail_is_clean(const struct journal *j)
{
	for (size_t i = (size_t)j->end; i < j->image.len; i++)
		if (j->image.data[i])
			return false;
	return true;
}

int journal_open(int dir_fd, struct journal **out, struct err *err)
{
	AUTO(journal_freep) struct journal *j = journal_new(-1);
	int found = fs_read_file(dir_fd, JOURNAL_NAME, &j->image, err);

	if (found <= 0)
		return found;
	if (parse(j, err) < 0)
		return -1;
	if (!j->count)
		return 0; /* torn before its header was durable: nothing has been done under it */

	uint32_t version = 0;

	if (j->records[0].type == JOURNAL_HEADER && j->records[0].len == sizeof(version))
		memcpy(&version, j->records[0].payload, sizeof(version));
	if (version != JOURNAL_VERSION)
		return err_set(err, ERR_STATE,
			       "the journal has version %u, this agent knows %d: finish with the agent that wrote it",
			       version, JOURNAL_VERSION);
	j->fd = openat(dir_fd, JOURNAL_NAME, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (j->fd < 0)
		return err_sys(err, "opening the journal");
	if (!tail_is_clean(j) && cut_tail(j, err) < 0)
		return -1;
	*out = TAKE_PTR(j);
	return 1;
}

size_t journal_count(const struct journal *j)
{
	return j->count;
}

const struct journal_record *journal_record(const struct journal *j, size_t index)
{
	return &j->records[index];
}
