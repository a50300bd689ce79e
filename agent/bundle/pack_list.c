/* bundle/pack_list.c - see pack_list.h. */
#include "bundle/pack_list.h"

#include "bundle/entry_guard.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <fcntl.h>
#include <jansson.h>
#include <string.h>

#define NS_PER_S INT64_C(1000000000)

static int64_t seconds(int64_t ns)
{
	return ns >= 0 ? ns / NS_PER_S : -((-ns + NS_PER_S - 1) / NS_PER_S);
}

/* Only a special file is looked at again, for what it is. */
static mode_t type_of(const struct pack_list *list, const struct pack_item *item)
{
	AUTO_FD int fd = -1;
	struct stat st;

	if (item->entry->type != TREE_OTHER)
		return S_IFREG;
	fd = fs_open_beneath(list->dir_fd, item->path, O_PATH | O_NOFOLLOW, 0);
	return fd >= 0 && fstat(fd, &st) == 0 ? st.st_mode & S_IFMT : 0;
}

static bool is_utf8(const char *text)
{
	json_t *json = json_string(text); /* which must be UTF-8 */

	json_decref(json);
	return json != NULL;
}

static int check_for_zip(const struct pack_item *item, struct pack_report *report, struct err *err)
{
	struct shown name = guard_shown(item->path, strlen(item->path));

	if (!is_utf8(item->path))
		return err_set(err, ERR_BUNDLE,
			       "the name '%s' is not UTF-8, which zip cannot hold; rename it or choose a tar type",
			       name.text);
	if (strchr(item->path, '\\'))
		return err_set(err, ERR_BUNDLE,
			       "the name '%s' has a backslash, which zip cannot hold; rename it or choose a tar type",
			       name.text);
	if (item->entry->mode & 07000)
		warnings_add(&report->warnings, "zip does not keep the setuid, setgid or sticky bit of '%s'",
			     name.text);
	return 0;
}

static int check_item(const struct pack_list *list, const struct pack_item *item, struct pack_report *report,
		      struct err *err)
{
	size_t len = strlen(item->path);
	struct entry_path canonical;

	if (guard_path(item->path, len, &canonical, err) < 0 ||
	    guard_type(item->path, len, type_of(list, item), err) < 0)
		return -1;
	report->entries++;
	if (item->entry->type == TREE_FILE) {
		report->files++;
		report->bytes += (uint64_t)item->entry->size;
	}
	return list->options->type == PACK_ZIP ? check_for_zip(item, report, err) : 0;
}

static int by_path(const void *left, const void *right)
{
	return strcmp(((const struct pack_item *)left)->path, ((const struct pack_item *)right)->path);
}

/* Inode numbers alone may lie on several file systems, and the name decides among several of one file. */
static bool is_except(const struct pack_list *list, uint32_t index, const struct pack_except *except,
		      const struct stat *st)
{
	const struct tree_entry *e = &list->tree.entries[index];
	AUTO_FREE char *parent = tree_path(&list->tree, e->parent);
	AUTO_FD int fd = -1;
	struct stat here, there;

	if (e->ino != st->st_ino || strcmp(tree_name(&list->tree, index), except->name) != 0)
		return false;
	fd = fs_open_beneath(list->dir_fd, *parent ? parent : ".", O_PATH | O_DIRECTORY, 0);
	return fd >= 0 && fstat(fd, &here) == 0 && fstat(except->dir_fd, &there) == 0 && here.st_dev == there.st_dev &&
	       here.st_ino == there.st_ino;
}

static void fill(struct pack_list *list, const struct pack_except *except)
{
	struct stat st;
	bool there = fstatat(except->dir_fd, except->name, &st, AT_SYMLINK_NOFOLLOW) == 0;

	list->items = xcalloc(list->tree.count, sizeof(*list->items));
	for (uint32_t i = 1; i < list->tree.count; i++) {
		const struct tree_entry *e = &list->tree.entries[i];
		int64_t s = seconds(e->mtime_ns);

		if (there && is_except(list, i, except, &st))
			continue;
		list->items[list->count++] = (struct pack_item){
			.entry = e,
			.path = tree_path(&list->tree, i),
			.text = e->type == TREE_LINK ? tree_link_text(&list->tree, i) : "",
			.mtime_s = s < list->options->latest_s ? s : list->options->latest_s,
		};
	}
	if (list->count)
		qsort(list->items, list->count, sizeof(*list->items), by_path);
}

int pack_list_make(int dir_fd, const struct pack_except *except, const struct pack_options *options,
		   struct pack_list *list, struct pack_report *report, struct err *err)
{
	*list = (struct pack_list){ .dir_fd = dir_fd, .options = options };
	if (tree_scan(dir_fd, TREE_NONE, &list->tree, err) < 0)
		return -1;
	fill(list, except);
	for (size_t i = 0; i < list->count; i++)
		if (check_item(list, &list->items[i], report, err) < 0)
			return -1;
	return 0;
}

void pack_list_done(struct pack_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i].path);
	free(list->items);
	tree_done(&list->tree);
	*list = (struct pack_list){ .dir_fd = -1 };
}

static int changed(const struct pack_item *item, struct err *err)
{
	return err_set(err, ERR_BUNDLE, "'%s' changed while it was packed; pack again when nothing writes to it",
		       guard_shown(item->path, strlen(item->path)).text);
}

int pack_item_check(const struct pack_item *item, int fd, struct err *err)
{
	const struct tree_entry *e = item->entry;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(err, "reading '%s'", guard_shown(item->path, strlen(item->path)).text);
	if (S_ISREG(st.st_mode) && st.st_ino == e->ino && st.st_size == e->size &&
	    fs_nanoseconds(&st.st_mtim) == e->mtime_ns && fs_nanoseconds(&st.st_ctim) == e->ctime_ns)
		return 0;
	return changed(item, err);
}

int pack_item_open(const struct pack_list *list, const struct pack_item *item, struct err *err)
{
	AUTO_FD int fd = fs_open_beneath(list->dir_fd, item->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
		return changed(item, err);
	if (fd < 0)
		return err_sys(err, "opening '%s'", guard_shown(item->path, strlen(item->path)).text);
	if (pack_item_check(item, fd, err) < 0)
		return -1;
	return TAKE_FD(fd);
}

ssize_t pack_item_read(const struct pack_list *list, const struct pack_item *item, int fd, void *bytes, size_t len,
		       struct err *err)
{
	ssize_t n;

	if (list->options->stop && atomic_load_explicit(list->options->stop, memory_order_relaxed))
		return err_set(err, ERR_STOPPED, "stopped while packing");
	do
		n = read(fd, bytes, len);
	while (n < 0 && errno == EINTR);
	return n < 0 ? err_sys(err, "reading '%s'", guard_shown(item->path, strlen(item->path)).text) : n;
}
