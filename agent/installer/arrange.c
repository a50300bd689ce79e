/* installer/arrange.c - the order of the steps, and places for what they move. */
#include "installer/arrange.h"

#include "installer/arrange_label.h"
#include "installer/permission.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#define BLOCK	     4096u
#define SPACE_MARGIN (1024u * 1024u) /* journal, manifest and folders that grow */

struct mount {
	uint64_t id;
	uint32_t place;
};

struct arranger {
	const struct plan *plan;
	const char *id;
	struct arrangement *out;
	uint32_t *folder_of;	 /* per plan node: index in steps.folders, TREE_NONE */
	uint64_t *folder_mounts; /* per folder */
	struct mount *mounts;
	size_t mount_count;
	size_t node_capacity;
	bool *keeps_old; /* per plan node: what stands there gets a second name first; NULL: none does */
};

struct folder_facts {
	uint64_t dev, ino, mount;
	int64_t mtime_ns;
	bool writable;
};

static int folder_facts(const char *path, struct folder_facts *out, struct err *err)
{
	AUTO_FD int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD int fd = root < 0  ? -1
			 : path[1] ? fs_open_beneath(root, path + 1, O_PATH | O_DIRECTORY, 0)
				   : fcntl(root, F_DUPFD_CLOEXEC, 0);
	struct statx sx;

	if (fd < 0 || statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_MNT_ID, &sx) < 0)
		return err_sys(err, "opening folder '%s'", path);
	*out = (struct folder_facts){
		.dev = makedev(sx.stx_dev_major, sx.stx_dev_minor),
		.ino = sx.stx_ino,
		.mount = sx.stx_mask & STATX_MNT_ID ? sx.stx_mnt_id : makedev(sx.stx_dev_major, sx.stx_dev_minor),
		.mtime_ns = (int64_t)sx.stx_mtime.tv_sec * 1000000000 + sx.stx_mtime.tv_nsec,
		.writable = faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) == 0,
	};
	return 0;
}

/* Stands NODE at a destination, or was it made by us? Then a private folder belongs beside it, not into it. */
static bool belongs_to_us(const struct plan_node *n)
{
	return n->flags & (PLAN_DESTINATION | PLAN_OURS);
}

/* Where a private folder for changes in FOLDER goes: beside the outermost folder that is ours on this mount. */
static uint32_t beside(const struct plan *p, uint32_t folder)
{
	uint32_t ours = TREE_NONE;

	for (uint32_t i = folder;; i = p->nodes[i].parent) {
		if (belongs_to_us(&p->nodes[i]))
			ours = i;
		if (!i)
			break;
	}
	return ours == TREE_NONE ? folder : p->nodes[ours].parent;
}

static bool usable(const struct plan *p, uint32_t node, uint64_t mount, struct folder_facts *facts)
{
	AUTO_FREE char *path = plan_path(p, node);
	struct err ignored = ERR_INIT; /* then another one is taken */

	return folder_facts(path, facts, &ignored) == 0 && facts->mount == mount && facts->writable;
}

/* The first usable one: beside what is ours, then step by step further in, the folder itself at last. */
static int choose_parent(const struct plan *p, uint32_t folder, uint64_t mount, uint32_t *out,
			 struct folder_facts *facts, struct err *err)
{
	for (uint32_t best = beside(p, folder);;) {
		if (usable(p, best, mount, facts)) {
			*out = best;
			return 0;
		}
		if (best == folder)
			break;

		uint32_t next = folder; /* one step from BEST towards FOLDER */

		while (p->nodes[next].parent != best)
			next = p->nodes[next].parent;
		best = next;
	}

	AUTO_FREE char *path = plan_path(p, folder);

	if (faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) < 0)
		return err_sys(err, "writing to folder '%s'", path);
	return err_set(err, ERR_SYS, "folder '%s' has no place on its file system where files could be staged", path);
}

static int place_for(struct arranger *a, uint32_t folder, uint64_t mount, uint32_t *out, struct err *err)
{
	struct folder_facts facts;
	uint32_t parent = folder;
	char name[128];

	for (size_t i = 0; i < a->mount_count; i++)
		if (a->mounts[i].id == mount) {
			*out = a->mounts[i].place;
			return 0;
		}
	if (choose_parent(a->plan, folder, mount, &parent, &facts, err) < 0)
		return -1;

	AUTO_FREE char *path = plan_path(a->plan, parent);

	(void)snprintf(name, sizeof(name), ".slipway-%s-%zu", a->id, a->mount_count); /* ids are short */
	*out = steps_add_place(&a->out->steps, path, name, facts.mtime_ns);
	a->mounts = xrealloc(a->mounts, (a->mount_count + 1) * sizeof(*a->mounts));
	a->mounts[a->mount_count++] = (struct mount){ mount, *out };
	a->out->place_bytes = xrealloc(a->out->place_bytes, a->mount_count * sizeof(uint64_t));
	a->out->place_inodes = xrealloc(a->out->place_inodes, a->mount_count * sizeof(uint64_t));
	a->out->place_bytes[*out] = a->out->place_inodes[*out] = 0;
	return 0;
}

static int folder_for(struct arranger *a, uint32_t node, uint32_t *out, struct err *err)
{
	struct folder_facts facts;

	if (a->folder_of[node] != TREE_NONE) {
		*out = a->folder_of[node];
		return 0;
	}

	AUTO_FREE char *path = plan_path(a->plan, node);

	if (folder_facts(path, &facts, err) < 0)
		return -1;

	uint32_t f = steps_add_folder(&a->out->steps, path, facts.dev, facts.ino, facts.mtime_ns);

	a->folder_mounts = xrealloc(a->folder_mounts, (f + 1) * sizeof(*a->folder_mounts));
	a->folder_mounts[f] = facts.mount;
	*out = a->folder_of[node] = f;
	return 0;
}

static struct step *new_step(struct arranger *a, uint32_t node, enum step_kind kind, struct err *err)
{
	uint32_t folder, place = 0;

	if (folder_for(a, a->plan->nodes[node].parent, &folder, err) < 0)
		return NULL;
	if (kind != STEP_ATTRIBUTES &&
	    place_for(a, a->plan->nodes[node].parent, a->folder_mounts[folder], &place, err) < 0)
		return NULL;

	struct step *st = steps_add(&a->out->steps);

	st->kind = kind;
	st->name = a->plan->nodes[node].name;
	st->folder = folder;
	st->place = place;
	st->number = (uint32_t)(a->out->steps.count - 1);
	st->old_ino = a->plan->nodes[node].disk == DISK_ABSENT ? 0 : a->plan->nodes[node].ino;
	if (a->out->steps.count > a->node_capacity) {
		a->node_capacity = a->out->steps.capacity;
		a->out->nodes = xrealloc(a->out->nodes, a->node_capacity * sizeof(*a->out->nodes));
	}
	a->out->nodes[st->number] = node;
	return st;
}

static void count_staged(struct arranger *a, uint32_t node, uint32_t place)
{
	const struct plan *p = a->plan;
	uint32_t end = plan_next(p, node, false);

	for (uint32_t i = node; i != end; i = plan_next(p, i, true)) {
		if (!plan_is_wanted(&p->nodes[i]))
			continue;

		uint64_t size = p->nodes[i].want == PLAN_WANT_FILE
					? (uint64_t)p->in.tree->entries[p->nodes[i].source].size
					: BLOCK;

		a->out->place_bytes[place] += (size + BLOCK - 1) / BLOCK * BLOCK;
		a->out->place_inodes[place]++;
	}
}

static int remove_step(struct arranger *a, uint32_t node, struct err *err)
{
	bool folder = a->plan->nodes[node].disk == DISK_DIRECTORY;

	return new_step(a, node, folder ? STEP_REMOVE_FOLDER : STEP_REMOVE, err) ? 0 : -1;
}

static bool is_placed(const struct plan_node *n)
{
	return n->action == PLAN_ADD || n->action == PLAN_CHANGE;
}

/* What the last revision alone had below NODE, children before their folder. */
static int removals_below(struct arranger *a, uint32_t node, struct err *err)
{
	for (uint32_t i = plan_first_child(a->plan, node); i != TREE_NONE; i = plan_next_sibling(a->plan, i)) {
		const struct plan_node *n = &a->plan->nodes[i];

		if (is_placed(n) || n->real != i)
			continue; /* what had to go from there went before it was placed */
		if (removals_below(a, i, err) < 0)
			return -1;
		if (n->action == PLAN_REMOVE && remove_step(a, i, err) < 0)
			return -1;
	}
	return 0;
}

/* What NODE is now stays beside it: a second name of it is staged, and put into place before it is exchanged. Undone
 * newest first, the old file has its name again before the second one goes. */
static int backup_step(struct arranger *a, uint32_t node, struct err *err)
{
	const struct plan_node *n = &a->plan->nodes[node];
	AUTO_FREE char *name = xasprintf("%s.backup-%s", n->name, a->id);
	struct step *st;

	if (strlen(name) > NAME_MAX) {
		AUTO_FREE char *path = plan_path(a->plan, node);

		return err_set(err, ERR_EXISTS, "'%s' has too long a name to be kept as a backup beside it", path);
	}
	st = new_step(a, node, STEP_PLACE, err);
	if (!st)
		return -1;
	st->name = steps_string(&a->out->steps, name);
	st->second_name_of = n->name;
	st->old_ino = 0;
	a->out->place_inodes[st->place]++;
	return 0;
}

static int place_step(struct arranger *a, uint32_t node, struct err *err)
{
	const struct plan_node *n = &a->plan->nodes[node];

	if (n->disk == DISK_DIRECTORY && (removals_below(a, node, err) < 0 || remove_step(a, node, err) < 0))
		return -1;

	if (a->keeps_old && a->keeps_old[node] && backup_step(a, node, err) < 0)
		return -1;

	struct step *st = new_step(a, node, n->action == PLAN_ADD ? STEP_PLACE : STEP_EXCHANGE, err);

	if (!st)
		return -1;
	if (n->action == PLAN_ADD)
		st->old_ino = 0;
	count_staged(a, node, st->place);
	return 0;
}

/* NULL and errno. */
static char *acl_after(const struct plan_attributes *want)
{
	AUTO_FREE char *access = want->attr && want->attr->acl ? permission_acl_text(want->attr->permission, want->mode)
				 : *want->inherited	       ? fs_acl_with_mode(want->inherited, want->mode)
							       : xstrdup("");

	return access && *want->inherited ? xasprintf("%s|%s", access, want->inherited) : TAKE_PTR(access);
}

static int attributes_step(struct arranger *a, uint32_t node, struct err *err)
{
	struct step *st = new_step(a, node, STEP_ATTRIBUTES, err);
	AUTO_FREE char *path = plan_path(a->plan, node);
	AUTO_FD int fd = st ? open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
	struct plan_attributes want;
	struct stat s;

	if (!st)
		return -1;
	if (fd < 0 || fstat(fd, &s) < 0)
		return err_sys(err, "opening folder '%s'", path);
	plan_attributes(a->plan, node, &want);
	st->before = (struct step_attributes){ s.st_mode & 07777, s.st_uid, s.st_gid };
	st->after = (struct step_attributes){ want.mode, want.uid, want.gid };

	AUTO_FREE char *before = fs_get_acl(fd);

	if (!before && errno != EOPNOTSUPP)
		return err_sys(err, "reading the ACL of folder '%s'", path);

	AUTO_FREE char *after = acl_after(&want);

	if (!after)
		return err_sys(err, "working out the ACL of folder '%s'", path);
	st->acl_before = steps_string(&a->out->steps, before ? before : "");
	st->acl_after = steps_string(&a->out->steps, after);
	return 0;
}

static int arrange_steps(struct arranger *a, struct err *err)
{
	const struct plan *p = a->plan;
	bool below;

	for (uint32_t i = 0; i != TREE_NONE; i = plan_next(p, i, below)) {
		const struct plan_node *n = &p->nodes[i];

		below = n->real == i && !is_placed(n);
		if (n->real != i)
			continue;
		if (is_placed(n) && place_step(a, i, err) < 0)
			return -1;
		if (n->action == PLAN_REMAKE && attributes_step(a, i, err) < 0)
			return -1;
	}
	return removals_below(a, 0, err);
}

/* NULL: nothing is kept. */
static bool *backups(const struct plan *p)
{
	bool *keeps = NULL;

	for (size_t i = 0; i < p->conflict_count; i++) {
		if (p->conflicts[i].verdict != VERDICT_BACKUP)
			continue;
		if (!keeps)
			keeps = xcalloc(p->count, sizeof(*keeps));
		keeps[p->conflicts[i].node] = true;
	}
	return keeps;
}

int arrange(const struct plan *plan, const char *deployment_id, struct arrangement *out, struct err *err)
{
	struct arranger a = { .plan = plan, .id = deployment_id, .out = out };

	*out = (struct arrangement){ 0 };
	steps_init(&out->steps);
	a.folder_of = xmalloc(plan->count * sizeof(*a.folder_of));
	memset(a.folder_of, 0xff, plan->count * sizeof(*a.folder_of));

	a.keeps_old = backups(plan);

	int r = arrange_steps(&a, err);

	free(a.keeps_old);
	free(a.folder_of);
	free(a.folder_mounts);
	free(a.mounts);
	if (r < 0)
		arrangement_done(out);
	else
		arrange_labels(plan, &out->steps);
	return r;
}

void arrangement_done(struct arrangement *a)
{
	steps_done(&a->steps);
	free(a->nodes);
	free(a->place_bytes);
	free(a->place_inodes);
	*a = (struct arrangement){ 0 };
}

int arrange_check_space(const struct arrangement *a, struct err *err)
{
	for (size_t i = 0; i < a->steps.place_count; i++) {
		const char *path = a->steps.places[i].parent;
		struct statvfs v;

		if (statvfs(path, &v) < 0)
			return err_sys(err, "asking for the free space at '%s'", path);

		uint64_t free_bytes = (uint64_t)(geteuid() ? v.f_bavail : v.f_bfree) * v.f_frsize;
		uint64_t free_inodes = geteuid() ? v.f_favail : v.f_ffree;

		if (a->place_bytes[i] + SPACE_MARGIN > free_bytes)
			return err_set(err, ERR_NO_SPACE,
				       "the file system of '%s' has %llu MiB free, this revision needs %llu MiB beside "
				       "the old one; free some space and deploy again",
				       path, (unsigned long long)(free_bytes >> 20),
				       (unsigned long long)((a->place_bytes[i] + SPACE_MARGIN) >> 20));
		if (v.f_files && a->place_inodes[i] > free_inodes)
			return err_set(err, ERR_NO_SPACE,
				       "the file system of '%s' has %llu inodes free, this revision needs %llu; remove "
				       "some files and deploy again",
				       path, (unsigned long long)free_inodes, (unsigned long long)a->place_inodes[i]);
	}
	return 0;
}
