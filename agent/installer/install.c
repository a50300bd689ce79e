/* installer/install.c - the transaction, read top to bottom. */
#include "installer/install.h"

#include "installer/commit.h"
#include "installer/flusher.h"
#include "installer/label.h"
#include "installer/manifest_write.h"
#include "installer/place.h"
#include "installer/records.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define MANIFEST_STAGED "manifest.staged" /* written before the commit, without what only the renames can tell */
#define MANIFEST_MOVED	"manifest.moved"  /* written after it */

struct install {
	struct install_place where;
	struct journal *journal;
	struct arrangement arrangement;
	struct staged_identity *identities;
	bool threads, undone;
	struct flusher *flusher; /* one descriptor per file system, opened before the first write */
};

static void install_freep(struct install **in)
{
	install_free(*in);
}

void install_free(struct install *in)
{
	if (!in)
		return;
	flusher_free(in->flusher);
	journal_free(in->journal);
	arrangement_done(&in->arrangement);
	free(in->identities);
	free(in);
}

static int publish(const struct install_place *w, const char *from, struct err *err)
{
	if (fs_rename(w->deployment_fd, from, w->deployment_fd, INSTALL_MANIFEST) < 0)
		return err_sys(err, "renaming '%s'", from);
	return 0;
}

static int drop(int dir_fd, const char *name, struct err *err)
{
	return fs_unlink(dir_fd, name) < 0 && errno != ENOENT ? err_sys(err, "removing '%s'", name) : 0;
}

static int pointer_name(const struct install_place *w, char out[NAME_MAX + 1], struct err *err)
{
	if (snprintf(out, NAME_MAX + 1, "%s_last_successful_install", w->group) > NAME_MAX)
		return err_set(err, ERR_USAGE, "the deployment group's name '%.100s...' is too long", w->group);
	return 0;
}

/* The group's state after DONE: manifest, records, and last of all the pointer that makes them count. Idempotent: a
 * power cut may lose the renames, which are not flushed by themselves; then there is no result, and recovery comes here
 * again before anybody reads the manifest. */
static int record_success(const struct install_place *w, struct err *err)
{
	char pointer[NAME_MAX + 1];
	struct stat st;

	if (fstatat(w->deployment_fd, MANIFEST_MOVED, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (publish(w, MANIFEST_MOVED, err) < 0)
			return -1;
	} else if (fstatat(w->deployment_fd, INSTALL_MANIFEST, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (publish(w, MANIFEST_STAGED, err) < 0)
			return -1;
	}
	if (drop(w->deployment_fd, MANIFEST_STAGED, err) < 0)
		return -1;
	if (records_publish(w->instructions_fd, w->group, err) < 0)
		return -1;
	if (pointer_name(w, pointer, err) < 0)
		return -1;
	return fs_write_file(w->instructions_fd, pointer, w->deployment_path, strlen(w->deployment_path), 0644, err);
}

/* The same backwards, while FAILED: the pointer, if it is ours, and the records. Idempotent, too. */
static int record_failure(const struct install_place *w, struct err *err)
{
	AUTO(str_done) struct str named = STR_INIT(PATH_MAX);
	char pointer[NAME_MAX + 1];

	if (pointer_name(w, pointer, err) < 0 || fs_read_file(w->instructions_fd, pointer, &named, err) < 0)
		return -1;
	if (!strcmp(str_text(&named), w->deployment_path)) {
		int r = w->previous ? fs_write_file(w->instructions_fd, pointer, w->previous, strlen(w->previous), 0644,
						    err)
				    : drop(w->instructions_fd, pointer, err);

		if (r < 0)
			return -1;
	}
	return records_bring_back(w->instructions_fd, w->group, w->deployment_fd, err);
}

static int drop_records(const struct install_place *w, struct err *err)
{
	if (drop(w->deployment_fd, MANIFEST_STAGED, err) < 0 || drop(w->deployment_fd, MANIFEST_MOVED, err) < 0 ||
	    drop(w->deployment_fd, INSTALL_MANIFEST, err) < 0 || records_drop_kept(w->deployment_fd, err) < 0)
		return -1;
	return records_discard(w->instructions_fd, w->group, err);
}

/* Before COMMIT, or after UNDONE: away with everything staged. */
static int discard(const struct install_place *w, const struct steps *s, struct journal *j, bool threads,
		   struct err *err)
{
	if (place_remove(s, PLACE_QUIETLY | (threads ? PLACE_THREADED : 0), err) < 0 || drop_records(w, err) < 0)
		return -1;
	return journal_close(j, err);
}

static void manifest_freep(struct manifest **m)
{
	manifest_free(*m);
}

/* By the manifest of this install, published or not, it is known what is ours. */
static int take_back(const struct install_place *w, const struct steps *s, struct err *err)
{
	AUTO(manifest_freep) struct manifest *ours = NULL;
	int found = manifest_open(w->deployment_fd, INSTALL_MANIFEST, &ours, err);

	if (found == 0)
		found = manifest_open(w->deployment_fd, MANIFEST_STAGED, &ours, err);
	if (found < 0 || commit_undo(s, &(struct undo_watch){ ours, w->deployment_id, w->spared, w->context }, err) < 0)
		return -1;
	return label_undo(s, err);
}

/* After COMMIT, FAILED being durable: back to the old tree. What was staged is still to be discarded. */
static int undo_steps(const struct install_place *w, const struct steps *s, struct journal *j, struct err *err)
{
	AUTO(flusher_freep) struct flusher *f = flusher_new(s, w->deployment_fd, err);

	/* first what the steps did: a folder that comes back must not bring along names that it had lost */
	if (!f || flusher_barrier(f, err) < 0 || take_back(w, s, err) < 0 || record_failure(w, err) < 0 ||
	    flusher_barrier(f, err) < 0)
		return -1;
	return journal_mark(j, JOURNAL_UNDONE, err);
}

static int undo(const struct install_place *w, const struct steps *s, struct journal *j, struct err *err)
{
	return undo_steps(w, s, j, err) < 0 ? -1 : discard(w, s, j, false, err);
}

/* The steps were cut short by CAUSE: undo them. ERR keeps the cause; when there is no way back either, it tells both.
 */
static enum install_outcome fail_back(const struct install_place *w, const struct steps *s, struct journal *j,
				      struct err *err)
{
	struct err e = ERR_INIT;

	if (journal_mark(j, JOURNAL_FAILED, &e) == 0 && undo(w, s, j, &e) == 0)
		return INSTALL_UNDONE;
	(void)err_add(err, "undoing failed, too (%s); it is tried again at the next start. The first cause was", e.msg);
	return INSTALL_NEEDS_RECOVERY;
}

static int write_manifest(const struct install *in, const struct plan *plan, bool moved, struct err *err)
{
	const struct manifest_source source = { plan, &in->arrangement, in->identities, moved };

	return manifest_write(&source, in->where.deployment_fd, moved ? MANIFEST_MOVED : MANIFEST_STAGED, err);
}

/* Everything up to the barrier. */
static int prepare(struct install *in, const struct plan *plan, const struct stage_options *o, struct err *err)
{
	const struct install_place *w = &in->where;

	if (steps_write_places(&in->arrangement.steps, in->journal, err) < 0)
		return -1;
	in->flusher = flusher_new(&in->arrangement.steps, w->deployment_fd, err);
	if (!in->flusher || place_make(&in->arrangement.steps, err) < 0)
		return -1;
	if (o->threads)
		flusher_start(in->flusher);

	int r = stage(plan, &in->arrangement, o, in->identities, err);

	flusher_stop(in->flusher);
	if (r < 0)
		return -1;
	if (write_manifest(in, plan, false, err) < 0 || records_write(plan, w->instructions_fd, w->group, err) < 0 ||
	    records_keep(w->instructions_fd, w->group, w->deployment_fd, err) < 0 ||
	    steps_write(&in->arrangement.steps, in->journal, err) < 0)
		return -1;
	return flusher_barrier(in->flusher, err);
}

static int commit(struct install *in, const struct plan *plan, struct err *err)
{
	if (commit_redo(&in->arrangement.steps, err) < 0 || label_redo(&in->arrangement.steps, err) < 0)
		return -1;
	if (manifest_gains_by_moving(plan) && write_manifest(in, plan, true, err) < 0)
		return -1;
	if (flusher_barrier(in->flusher, err) < 0)
		return -1;
	return journal_mark(in->journal, JOURNAL_DONE, err);
}

static int stop_asked(const struct stage_options *o, struct err *err)
{
	return o->stop && atomic_load(o->stop) ? err_set(err, ERR_STOPPED, "stopped before anything was changed") : 0;
}

int install_run(const struct plan *plan, const struct install_place *where, const struct stage_options *o,
		struct install **out, enum install_outcome *outcome, struct err *err)
{
	AUTO(install_freep) struct install *in = xcalloc(1, sizeof(*in));
	const struct steps *steps = &in->arrangement.steps;
	struct err e = ERR_INIT;

	*outcome = INSTALL_UNTOUCHED;
	in->where = *where;
	in->threads = o->threads;
	in->identities = xcalloc(plan->count, sizeof(*in->identities));
	if (arrange(plan, where->deployment_id, &in->arrangement, err) < 0 ||
	    arrange_check_space(&in->arrangement, err) < 0 ||
	    journal_create(where->deployment_fd, &in->journal, err) < 0)
		return -1;
	if (prepare(in, plan, o, err) < 0 || stop_asked(o, err) < 0) {
		if (discard(where, steps, in->journal, false, &e) < 0) {
			*outcome = INSTALL_NEEDS_RECOVERY;
			(void)err_add(err,
				      "what was staged could not be removed (%s); the next start does it. The first "
				      "cause was",
				      e.msg);
		}
		return -1;
	}
	if (journal_mark(in->journal, JOURNAL_COMMIT, err) < 0) {
		/* whether it reached the disk nobody knows: FAILED behind it settles that, and there is nothing to undo
		 */
		*outcome = fail_back(where, steps, in->journal, err);
		*outcome = *outcome == INSTALL_UNDONE ? INSTALL_UNTOUCHED : *outcome;
		return -1;
	}
	if (commit(in, plan, err) < 0) {
		*outcome = fail_back(where, steps, in->journal, err);
		return -1;
	}
	if (record_success(where, err) < 0) {
		*outcome = INSTALL_NEEDS_RECOVERY;
		return err_add(err, "the files are in place, but recording that failed");
	}
	*outcome = INSTALL_DONE;
	*out = TAKE_PTR(in);
	return 0;
}

int install_end(struct install *in, struct err *err)
{
	if (in->undone)
		return discard(&in->where, &in->arrangement.steps, in->journal, in->threads, err);
	if (journal_mark(in->journal, JOURNAL_ENDING, err) < 0 ||
	    place_remove(&in->arrangement.steps, in->threads ? PLACE_THREADED : 0, err) < 0 ||
	    records_drop_kept(in->where.deployment_fd, err) < 0)
		return -1;
	return journal_close(in->journal, err);
}

int install_undo(struct install *in, enum install_outcome *outcome, struct err *err)
{
	*outcome = INSTALL_NEEDS_RECOVERY;
	if (journal_mark(in->journal, JOURNAL_FAILED, err) < 0 ||
	    undo_steps(&in->where, &in->arrangement.steps, in->journal, err) < 0)
		return err_add(err, "undoing failed; it is tried again at the next start");
	in->undone = true;
	*outcome = INSTALL_UNDONE;
	return 0;
}

/* Recovery */

/* After COMMIT: redo to the end. Flushing all that the steps touched comes before DONE, as in the first run. */
static int go_on(const struct install_place *w, const struct steps *s, struct journal *j, enum install_outcome *outcome,
		 struct err *err)
{
	AUTO(flusher_freep) struct flusher *f = flusher_new(s, w->deployment_fd, err);

	if (f && drop(w->deployment_fd, MANIFEST_MOVED, err) == 0 && commit_redo(s, err) == 0 &&
	    label_redo(s, err) == 0 && flusher_barrier(f, err) == 0 && journal_mark(j, JOURNAL_DONE, err) == 0)
		return 0;
	*outcome = fail_back(w, s, j, err);
	return *outcome == INSTALL_UNDONE ? 1 : -1;
}

static int finish(const struct install_place *w, const struct steps *s, struct journal *j,
		  enum install_outcome *outcome, struct err *err)
{
	*outcome = INSTALL_NEEDS_RECOVERY;
	if (record_success(w, err) < 0 || journal_mark(j, JOURNAL_ENDING, err) < 0 || place_remove(s, 0, err) < 0 ||
	    records_drop_kept(w->deployment_fd, err) < 0 || journal_close(j, err) < 0)
		return -1;
	*outcome = INSTALL_DONE;
	return 1;
}

static bool has_record(const struct journal *j, enum journal_type type)
{
	for (size_t i = 0; i < journal_count(j); i++)
		if (journal_record(j, i)->type == type)
			return true;
	return false;
}

static int recover(const struct install_place *w, const struct steps *s, struct journal *j, enum steps_state state,
		   enum install_outcome *outcome, struct err *err)
{
	int r = 0;

	*outcome = INSTALL_NEEDS_RECOVERY;
	switch (state) {
	case STEPS_STAGED:
		r = discard(w, s, j, false, err);
		*outcome = r < 0 ? INSTALL_NEEDS_RECOVERY : INSTALL_UNTOUCHED;
		return r < 0 ? -1 : 1;
	case STEPS_COMMITTED:
		r = go_on(w, s, j, outcome, err);
		return r ? r : finish(w, s, j, outcome, err);
	case STEPS_DONE:
	case STEPS_ENDING:
		return finish(w, s, j, outcome, err);
	case STEPS_FAILED:
		r = undo(w, s, j, err);
		*outcome = r < 0 ? INSTALL_NEEDS_RECOVERY : INSTALL_UNDONE;
		return r < 0 ? -1 : 1;
	case STEPS_UNDONE:
		r = discard(w, s, j, false, err);
		*outcome = r < 0 ? INSTALL_NEEDS_RECOVERY : INSTALL_UNDONE;
		return r < 0 ? -1 : 1;
	default: /* ended: nothing to do, but say how */
		*outcome = has_record(j, JOURNAL_UNDONE) ? INSTALL_UNDONE
			   : has_record(j, JOURNAL_DONE) ? INSTALL_DONE
							 : INSTALL_UNTOUCHED;
		return 0;
	}
}

static void journal_freep(struct journal **j)
{
	journal_free(*j);
}

int install_recover(const struct install_place *where, bool failed, enum install_outcome *outcome, struct err *err)
{
	AUTO(journal_freep) struct journal *j = NULL;
	AUTO(steps_done) struct steps s = { 0 };
	enum steps_state state;
	int found = journal_open(where->deployment_fd, &j, err);

	*outcome = INSTALL_UNTOUCHED;
	if (found == 0)
		return 0;
	if (found < 0 || steps_read(j, &s, &state, err) < 0) {
		*outcome = INSTALL_NEEDS_RECOVERY;
		return -1;
	}
	if (failed && (state == STEPS_COMMITTED || state == STEPS_DONE)) {
		*outcome = INSTALL_NEEDS_RECOVERY;
		if (journal_mark(j, JOURNAL_FAILED, err) < 0)
			return -1;
		state = STEPS_FAILED;
	}
	return recover(where, &s, j, state, outcome, err);
}
