/* daemon/history_folder.c - request.json and result.json of one deployment. */
#include "daemon/history_folder.h"
#include "format/json.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define REQUEST_NAME "request.json"
#define RESULT_NAME  "result.json"
#define FILE_MAX     (16 * 1024 * 1024)

void folder_word_done(struct folder_word *w)
{
	db_row_done(&w->row);
}

static void json_freep(json_t **json)
{
	json_decref(*json);
}

struct file {
	json_t *json;	  /* NULL: not there, or no JSON */
	int64_t mtime_ms; /* 0: not there */
	bool damaged;	  /* there, but no use */
};

static void file_done(struct file *f)
{
	json_decref(f->json);
}

static int damaged(struct file *f, struct err *err, const char *path, const char *why)
{
	f->damaged = true;
	return err_set(err, ERR_STATE, "'%s' %s", path, why);
}

/* Takes FD. Not json_loadfd(), which reads byte by byte. */
static json_t *load(int fd)
{
	FILE *f = fdopen(fd, "r");
	json_t *json = f ? json_loadf(f, 0, NULL) : NULL;

	if (f)
		(void)fclose(f); /* was only read */
	else
		(void)close(fd);
	return json;
}

/* 1: read; 0: not there; -1: damaged, or unreadable for now. */
static int read_file(int group_fd, const char *id, const char *name, struct file *out, struct err *err)
{
	AUTO_FREE char *path = xasprintf("%s/%s", id, name);
	AUTO_FD int fd = fs_open_beneath(group_fd, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
	struct stat st;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0 && errno == ELOOP)
		return damaged(out, err, path, "is a link, which is not followed");
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "opening '%s'", path);
	out->mtime_ms = fs_nanoseconds(&st.st_mtim) / 1000000;
	if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX)
		return damaged(out, err, path, "is no file, or one of more than 16 MiB");
	out->json = load(TAKE_FD(fd));
	return out->json ? 1 : damaged(out, err, path, "is no JSON");
}

/* What the request adds; one that cannot be read was cut off when its process died, and adds nothing. */
static void take_request(const json_t *json, struct db_row *row, pid_t *pid)
{
	AUTO(deployment_done) struct deployment d = { 0 };
	struct err ignored = ERR_INIT;
	const char *since = json_string_value(json_object_get(json, "started_at"));
	json_int_t number = json_integer_value(json_object_get(json, "pid"));

	if (number > 1 && number <= INT_MAX)
		*pid = (pid_t)number;
	if (since && deployment_time_from_text(since, &row->created_at_ms) == 0)
		row->started_at_ms = row->created_at_ms;
	if (deployment_from_json(json_object_get(json, "request"), &d, &ignored) < 0 || strcmp(d.id, row->id) ||
	    strcmp(d.group, row->group))
		return;
	row->application = TAKE_PTR(d.application);
	row->token = TAKE_PTR(d.token);
	row->uid = d.requested_by_uid;
	row->request = json_incref(json_object_get(json, "request"));
}

/* A document for what has none of its own. */
static json_t *make_document(const struct db_row *row, const char *message)
{
	AUTO(deployment_done) struct deployment d = { 0 };
	AUTO(deployment_result_done)
	struct deployment_result result = {
		.status = row->status,
		.created_at_ms = row->created_at_ms,
		.started_at_ms = row->started_at_ms,
		.finished_at_ms = row->finished_at_ms,
	};
	struct err ignored = ERR_INIT;

	if (deployment_from_json(row->request, &d, &ignored) < 0) { /* none, or not to be read: what is known */
		d.id = xstrdup(row->id);
		d.group = xstrdup(row->group);
	}
	if (message) {
		result.kind = ERR_STATE;
		result.error_message = xstrdup(message);
	}
	return deployment_result_to_json(&d, &result);
}

/* Names in a document are shown as jpath() has them. */
static bool says(const json_t *document, const char *key, const char *name)
{
	AUTO(json_freep) json_t *want = jpath(name);

	return json_equal(json_object_get(document, key), want);
}

static int take_result(const struct file *f, struct db_row *row, struct err *err)
{
	AUTO(deployment_result_done) struct deployment_result r = { 0 };
	const json_t *by = json_object_get(f->json, "requested_by");
	const char *application = json_string_value(json_object_get(f->json, "application"));

	if (deployment_result_from_json(f->json, &r, err) < 0)
		return err_add(err, "'%s/" RESULT_NAME "'", row->id);
	if (r.status == DEPLOYMENT_QUEUED || r.status == DEPLOYMENT_IN_PROGRESS)
		return err_set(err, ERR_STATE, "'%s/" RESULT_NAME "' says that it has not ended", row->id);
	if (!says(f->json, "deployment_id", row->id) || !says(f->json, "group", row->group))
		return err_set(err, ERR_STATE, "'%s/" RESULT_NAME "' is about another deployment", row->id);
	row->status = r.status;
	row->started_at_ms = r.started_at_ms ? r.started_at_ms : row->started_at_ms;
	row->finished_at_ms = r.finished_at_ms ? r.finished_at_ms : f->mtime_ms;
	if (r.created_at_ms)
		row->created_at_ms = r.created_at_ms;
	else if (!row->created_at_ms)
		row->created_at_ms = row->finished_at_ms;
	if (!row->application && application)
		row->application = xstrdup(application);
	if (!row->request)
		row->uid = (unsigned)json_integer_value(json_object_get(by, "uid"));
	row->document = json_incref(f->json);
	row->needs_recovery = r.needs_recovery;
	return 0;
}

static enum folder_state unended(struct folder_word *out, const struct file *request)
{
	struct db_row *row = &out->row;

	row->status = DEPLOYMENT_IN_PROGRESS;
	if (!row->created_at_ms)
		row->created_at_ms = row->started_at_ms = request->mtime_ms;
	row->document = make_document(row, NULL);
	return FOLDER_UNENDED;
}

static enum folder_state failed(struct folder_word *out, const struct file *result, const struct err *err)
{
	struct db_row *row = &out->row;

	row->status = DEPLOYMENT_FAILED;
	row->finished_at_ms = result->mtime_ms;
	row->document = make_document(row, err->msg);
	return FOLDER_DAMAGED;
}

static enum folder_state read_both(int group_fd, struct folder_word *out, struct err *err)
{
	AUTO(file_done) struct file request = { 0 }, result = { 0 };
	struct db_row *row = &out->row;
	struct err cut_off = ERR_INIT;
	int ended = read_file(group_fd, row->id, RESULT_NAME, &result, err);
	int asked = read_file(group_fd, row->id, REQUEST_NAME, &request, &cut_off);

	if (ended < 0 && !result.damaged)
		return FOLDER_UNREADABLE;
	if (asked < 0 && !request.damaged) {
		*err = cut_off;
		return FOLDER_UNREADABLE;
	}
	if (ended == 0 && asked == 0)
		return FOLDER_FOREIGN;
	take_request(request.json, row, &out->pid);
	if (ended > 0 && take_result(&result, row, err) == 0)
		return FOLDER_ENDED;
	return ended == 0 ? unended(out, &request) : failed(out, &result, err);
}

enum folder_state history_folder_read(int group_fd, const char *group, const char *id, struct folder_word *out,
				      struct err *err)
{
	*out = (struct folder_word){ .row = { .id = xstrdup(id), .group = xstrdup(group) } };
	out->row.origin = str_ends(id, "-local") ? DB_LOCAL : DB_DAEMON;

	enum folder_state state = read_both(group_fd, out, err);

	if (state == FOLDER_FOREIGN || state == FOLDER_UNREADABLE)
		folder_word_done(out);
	else if (!out->row.application)
		out->row.application = xstrdup("");
	return state;
}
