/* lifecycle/script_log.c - stamp entries, collect them, hand them to the files. */
#include "lifecycle/script_log.h"

#include "lifecycle/log_file.h"
#include "util/auto.h"
#include "util/err.h"
#include "util/fs.h"
#include "util/str.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define FULL	   (128 * 1024) /* this much is collected before it is written */
#define BUFFER_MAX (1024 * 1024)

struct script_log {
	char *folder, *deployment_root, *deployment_id, *deployments_name;
	struct capped_file scripts;
	struct rotated_file deployments;
	int deployments_dir;
	struct str scripts_text, deployments_text; /* not yet written */
	uint64_t max_bytes, shared_bytes;	   /* output that went to the deployments log */
	bool share_ended;

	time_t second; /* the stamps below are of this second */
	char stamp[32], exact[64];

	char tail[4 * SCRIPT_LOG_TAIL];
	size_t tail_len;
	struct mask mask;
	struct str hidden; /* an entry without its secrets */
	struct err trouble;
	bool has_trouble;
};

const char *script_stream_name(enum script_stream stream)
{
	static const char *const names[SCRIPT_STREAM_COUNT] = { "STDOUT", "STDERR" };

	return names[stream];
}

struct script_log *script_log_new(const struct script_log_place *place)
{
	struct script_log *log = xcalloc(1, sizeof(*log));

	log->folder = xstrdup(place->folder);
	log->deployment_root = place->deployment_root ? xstrdup(place->deployment_root) : NULL;
	log->deployment_id = xstrdup(place->deployment_id);
	log->max_bytes = place->max_bytes;
	log->scripts.fd = log->deployments.fd = log->deployments_dir = -1;
	log->deployments.max = place->rotate_bytes;
	log->deployments_name = xasprintf("%s-deployments.log",
					  place->program_name ? place->program_name : "codedeploy-agent");
	log->deployments.name = log->deployments_name;
	log->scripts_text = STR_INIT(BUFFER_MAX);
	log->deployments_text = STR_INIT(BUFFER_MAX);
	log->hidden = STR_INIT(BUFFER_MAX);
	script_log_tick(log);
	return log;
}

void script_log_free(struct script_log *log)
{
	if (!log)
		return;
	script_log_flush(log);
	auto_closep(&log->scripts.fd);
	auto_closep(&log->deployments.fd);
	auto_closep(&log->deployments_dir);
	str_done(&log->scripts_text);
	str_done(&log->deployments_text);
	str_done(&log->hidden);
	mask_done(&log->mask);
	free(log->folder);
	free(log->deployment_root);
	free(log->deployment_id);
	free(log->deployments_name);
	free(log);
}

void script_log_tick(struct script_log *log)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail */
	if (now.tv_sec != log->second) {
		struct tm tm;

		(void)localtime_r(&now.tv_sec, &tm); /* fails only past the year 2^31 */
		(void)strftime(log->stamp, sizeof(log->stamp), "%Y-%m-%d %H:%M:%S ", &tm);
		log->second = now.tv_sec;
	}
	(void)snprintf(log->exact, sizeof(log->exact), "[%.19s.%03ld] [", log->stamp, now.tv_nsec / 1000000);
}

/* The first failure is the one to tell. */
static void remember(struct script_log *log, const struct err *err)
{
	if (!log->has_trouble)
		log->trouble = *err;
	log->has_trouble = true;
}

const char *script_log_trouble(struct script_log *log)
{
	bool any = log->has_trouble;

	log->has_trouble = false;
	return any ? log->trouble.msg : NULL;
}

/* The folder NAME below PARENT, made when it is not there. -1: see ERR. */
static int open_folder(const char *parent, const char *name, struct err *err)
{
	AUTO_FREE char *path = xasprintf("%s/%s", parent, name);

	return fs_make_path(path, 0755, err) < 0 ? -1 : fs_open_dir(path, err);
}

static int write_scripts(struct script_log *log, struct err *err)
{
	if (log->scripts.fd < 0) {
		AUTO_FD int dir = open_folder(log->folder, "logs", err);

		if (dir < 0)
			return -1;
		if (capped_file_open(&log->scripts, dir, "scripts.log", log->max_bytes) < 0)
			return err_sys(err, "opening '%s/logs/scripts.log'", log->folder);
	}
	if (capped_file_add(&log->scripts, log->stamp, log->scripts_text.data, log->scripts_text.len) < 0)
		return err_sys(err, "writing '%s/logs/scripts.log'", log->folder);
	return 0;
}

static int write_deployments(struct script_log *log, struct err *err)
{
	char first[96], zone[8] = "";
	struct tm tm;

	if (log->deployments_dir < 0) {
		log->deployments_dir = open_folder(log->deployment_root, "deployment-logs", err);
		if (log->deployments_dir < 0)
			return -1;
		log->deployments.dir_fd = log->deployments_dir;
	}
	(void)localtime_r(&log->second, &tm); /* as in script_log_tick() */
	(void)strftime(zone, sizeof(zone), "%z", &tm);
	(void)snprintf(first, sizeof(first), "# Logfile created on %s%s by slipway/%s\n", log->stamp, zone,
		       SLIPWAY_VERSION);
	if (rotated_file_add(&log->deployments, first, log->deployments_text.data, log->deployments_text.len) < 0)
		return err_sys(err, "writing '%s/deployment-logs/%s'", log->deployment_root, log->deployments_name);
	return 0;
}

void script_log_flush(struct script_log *log)
{
	struct err err = ERR_INIT;

	if (log->scripts_text.len && write_scripts(log, &err) < 0)
		remember(log, &err);
	if (log->deployments_text.len && write_deployments(log, &err) < 0)
		remember(log, &err);
	str_clear(&log->scripts_text);
	str_clear(&log->deployments_text);
}

static void push_tail(struct script_log *log, const char *bytes, size_t len)
{
	if (len > SCRIPT_LOG_TAIL + 1) { /* one byte more, so that script_log_tail() sees that there was more */
		bytes += len - SCRIPT_LOG_TAIL - 1;
		len = SCRIPT_LOG_TAIL + 1;
	}
	if (log->tail_len + len > sizeof(log->tail)) {
		memmove(log->tail, log->tail + log->tail_len - SCRIPT_LOG_TAIL - 1, SCRIPT_LOG_TAIL + 1);
		log->tail_len = SCRIPT_LOG_TAIL + 1;
	}
	memcpy(log->tail + log->tail_len, bytes, len);
	log->tail_len += len;
}

size_t script_log_tail(const struct script_log *log, char out[SCRIPT_LOG_TAIL + 1])
{
	size_t len = log->tail_len < SCRIPT_LOG_TAIL ? log->tail_len : SCRIPT_LOG_TAIL;
	const char *from = log->tail + log->tail_len - len;

	/* Not from the middle of a character (UTF-8 has at most three bytes that go on). */
	for (int i = 0; i < 3 && len && len < log->tail_len && ((unsigned char)*from & 0xc0) == 0x80; i++) {
		from++;
		len--;
	}
	for (size_t i = 0; i < len; i++)
		out[i] = from[i] ? from[i] : '?';
	out[len] = '\0';
	return len;
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == '\0';
}

static void add_shared(struct script_log *log, const char *mark, const char *bytes, size_t len)
{
	struct str *s = &log->deployments_text;

	while (len && is_blank(bytes[len - 1]))
		len--;
	(void)str_add(s, log->exact); /* the buffer takes several of the longest entries, see add() */
	(void)str_add(s, log->deployment_id);
	(void)str_append(s, "]", 1);
	(void)str_add(s, mark);
	(void)str_append(s, bytes, len);
	(void)str_append(s, "\n", 1);
}

/* Does the output of this deployment still go to the deployments log? What stands before each line counts, too: there
 * it is most of a short one. */
static bool may_share(struct script_log *log, const char *mark, size_t len)
{
	log->shared_bytes += strlen(log->exact) + strlen(log->deployment_id) + strlen("]") + strlen(mark) + len;
	if (log->shared_bytes <= log->max_bytes)
		return true;
	if (!log->share_ended) {
		AUTO_FREE char *text = xasprintf("more than %" PRIu64 " bytes of output: the rest is left out here, "
						 "see %s/logs/scripts.log",
						 log->max_bytes, log->folder);

		add_shared(log, "", text, strlen(text));
	}
	log->share_ended = true;
	return false;
}

struct mask *script_log_mask(struct script_log *log)
{
	return &log->mask;
}

static void hide(struct script_log *log, const char **bytes, size_t *len)
{
	if (!log->mask.count || !*len)
		return;
	str_clear(&log->hidden);
	(void)str_append(&log->hidden, *bytes, *len); /* fits, as above */
	*bytes = log->hidden.data;
	*len = mask_hide(&log->mask, log->hidden.data, *len);
}

/* An entry: MARK and BYTES. OURS are few and go everywhere. */
static void add(struct script_log *log, bool ours, const char *mark, const char *bytes, size_t len)
{
	hide(log, &bytes, &len);
	(void)str_add(&log->scripts_text, log->stamp); /* fits, for the reason above */
	(void)str_add(&log->scripts_text, mark);
	(void)str_append(&log->scripts_text, bytes, len);
	push_tail(log, mark, strlen(mark));
	push_tail(log, bytes, len);
	if (log->deployment_root && (ours || may_share(log, mark, len)))
		add_shared(log, mark, bytes, len);
	if (log->scripts_text.len >= FULL || log->deployments_text.len >= FULL)
		script_log_flush(log);
}

void script_log_line(struct script_log *log, enum script_stream stream, const char *line, size_t len)
{
	add(log, false, stream == SCRIPT_STDOUT ? "[stdout]" : "[stderr]", line, len);
}

static void add_own(struct script_log *log, const char *mark, const char *text)
{
	AUTO_FREE char *line = xasprintf("%s\n", text);

	script_log_tick(log);
	add(log, true, mark, line, strlen(line));
}

void script_log_forget(struct script_log *log)
{
	log->tail_len = 0;
}

void script_log_event(struct script_log *log, const char *event)
{
	script_log_forget(log);
	add_own(log, "LifecycleEvent - ", event);
}

void script_log_script(struct script_log *log, const char *location)
{
	add_own(log, "Script - ", location);
}

void script_log_say(struct script_log *log, const char *text)
{
	add_own(log, "", text);
}
