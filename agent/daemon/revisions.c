/* daemon/revisions.c - rows of the database against folders on disk. */
#include "daemon/revisions.h"

#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_ROWS    10000
#define REQUEST_MAX (16 * 1024 * 1024)

char *revisions_in_place(const struct daemon *d, const char *group)
{
	AUTO_FREE char *path = xasprintf("%s/deployment-instructions/%s_last_successful_install",
					 d->config.settings.deployment_root, group);
	AUTO(str_done) struct str text = STR_INIT(PATH_MAX);
	struct err ignored = ERR_INIT; /* a pointer that cannot be read names nothing */

	if (fs_read_file(AT_FDCWD, path, &text, &ignored) != 1)
		return NULL;
	while (text.len && (text.data[text.len - 1] == '\n' || text.data[text.len - 1] == '/'))
		text.data[--text.len] = '\0';

	const char *slash = strrchr(str_text(&text), '/');

	return slash && slash[1] ? xstrdup(slash + 1) : NULL;
}

static char *folder_of(const struct daemon *d, const struct db_row *row)
{
	return xasprintf("%s/%s/%s", d->config.settings.deployment_root, row->group, row->id);
}

int revisions_check(const struct daemon *d, const struct db_row *row, struct err *err)
{
	AUTO_FREE char *folder = folder_of(d, row);
	AUTO_FREE char *archive = xasprintf("%s/deployment-archive", folder);
	struct stat st;

	if (row->status != DEPLOYMENT_SUCCEEDED)
		return err_set(err, ERR_NOT_READY, "deployment %s did not succeed (%s)", row->id,
			       deployment_status_name(row->status));
	if (lstat(archive, &st) < 0 || !S_ISDIR(st.st_mode))
		return err_set(err, ERR_NOT_READY, "the bundle of deployment %s is not on disk any more", row->id);
	return 0;
}

/* The newest good one from FROM on. */
static int take_good(const struct daemon *d, struct db_rows *rows, size_t from, const char *other, struct db_row *out)
{
	for (size_t i = from; i < rows->count; i++) {
		struct err ignored = ERR_INIT;

		if ((other && !strcmp(other, rows->items[i].id)) || revisions_check(d, &rows->items[i], &ignored) < 0)
			continue;
		*out = rows->items[i];
		rows->items[i] = (struct db_row){ 0 };
		return 1;
	}
	return 0;
}

int revisions_good(const struct daemon *d, const char *group, const char *other, struct db_row *out, struct err *err)
{
	AUTO(db_rows_done) struct db_rows rows = { 0 };

	if (db_list(d->db, group, MAX_ROWS, &rows, err) < 0)
		return -1;
	return take_good(d, &rows, 0, other, out);
}

static size_t index_of(const struct db_rows *rows, const char *id)
{
	size_t i = 0;

	while (i < rows->count && (!id || strcmp(rows->items[i].id, id)))
		i++;
	return i;
}

/* The deployment whose bundle ROW has deployed again, an older one of ROWS; rows->count: none. */
static size_t index_of_origin(const struct daemon *d, const struct db_rows *rows, size_t of)
{
	const json_t *revision = json_object_get(rows->items[of].document, "revision");
	const char *location = json_string_value(json_object_get(revision, "location"));

	for (size_t i = of + 1; location && i < rows->count; i++) {
		AUTO_FREE char *folder = folder_of(d, &rows->items[i]);
		size_t n = strlen(folder);

		if (!strncmp(location, folder, n) && !strcmp(location + n, "/deployment-archive"))
			return i;
	}
	return rows->count;
}

int revisions_before(const struct daemon *d, const char *group, struct db_row *out, struct err *err)
{
	AUTO(db_rows_done) struct db_rows rows = { 0 };
	AUTO_FREE char *in_place = revisions_in_place(d, group);

	if (db_list(d->db, group, MAX_ROWS, &rows, err) < 0)
		return -1;

	size_t at = index_of(&rows, in_place), origin;

	if (at == rows.count)
		return take_good(d, &rows, 0, in_place, out);
	/* going back from what was gone back to: on to an older one, not forward again */
	while ((origin = index_of_origin(d, &rows, at)) < rows.count)
		at = origin;
	return take_good(d, &rows, strcmp(rows.items[at].id, in_place) ? at + 1 : 0, in_place, out);
}

/* What was asked then: the environment, the name of the appspec and the like count again. */
static void take_request(const char *folder, struct deployment *out)
{
	AUTO_FREE char *path = xasprintf("%s/request.json", folder);
	AUTO(str_done) struct str text = STR_INIT(REQUEST_MAX);
	struct err ignored = ERR_INIT; /* another agent's folder has none */

	if (fs_read_file(AT_FDCWD, path, &text, &ignored) != 1)
		return;

	json_t *json = json_loadb(str_text(&text), text.len, JSON_REJECT_DUPLICATES, NULL);

	(void)deployment_from_json(json_object_get(json, "request"), out, &ignored);
	json_decref(json);
}

void revisions_deployment(const struct daemon *d, const struct db_row *row, struct deployment *out)
{
	const char *group_name = json_string_value(json_object_get(row->document, "group_name"));
	AUTO_FREE char *folder = folder_of(d, row);
	struct deployment old = { 0 };

	take_request(folder, &old);
	*out = (struct deployment){
		.id = deployment_id_new(""),
		.application = old.application ? TAKE_PTR(old.application) : xstrdup(row->application),
		.group = xstrdup(row->group),
		.group_name = old.group_name ? TAKE_PTR(old.group_name) : xstrdup(group_name ? group_name : row->group),
		.creator = xstrdup("user"),
		.type = xstrdup("IN_PLACE"),
		.appspec_filename = TAKE_PTR(old.appspec_filename),
		.file_exists_behavior = TAKE_PTR(old.file_exists_behavior),
		.environment = TAKE_PTR(old.environment),
		.force = true, /* "runs already" is said of digests, and there is none here */
		.waits = true,
		.outlives = true,
		.revision = { .type = REVISION_LOCAL_DIRECTORY,
			      .location = xasprintf("%s/deployment-archive", folder),
			      .bundle_type = xstrdup("directory") },
	};
	deployment_done(&old);
	config_settings(&d->config, out->group, &out->settings);
}
