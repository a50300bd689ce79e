/* worker/progress.c - one JSON object a line; a listener that is gone is no failure of the deployment. */
#include "worker/progress.h"

#include "util/auto.h"
#include "util/proc.h"
#include "util/str.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define PAUSE_MS 100 /* between two that only the newest of counts */

static void send_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		text += n;
		len -= (size_t)n;
	}
}

/* Takes the reference. */
static void send_json(struct progress *p, json_t *json)
{
	AUTO_FREE char *text = json && p->fd >= 0 ? json_dumps(json, JSON_COMPACT) : NULL;

	json_decref(json);
	if (!text)
		return;
	send_all(p->fd, text, strlen(text));
	send_all(p->fd, "\n", 1);
}

/* Text from outside may be no UTF-8, which JSON cannot carry. */
static json_t *printable(const char *text)
{
	struct str out = STR_INIT(1024 * 1024);

	(void)str_append_printable(&out, text, strlen(text)); /* over the limit: what fits */

	json_t *json = json_string(str_text(&out));

	str_done(&out);
	return json;
}

void progress_started(struct progress *p, const char *folder)
{
	send_json(p, json_pack("{s:s, s:o}", "progress", "started", "folder", printable(folder)));
}

void progress_event(struct progress *p, const char *event, enum event_status status, const char *text)
{
	p->event = event;
	p->files_total = p->bytes_total = 0;
	send_json(p, json_pack("{s:s, s:o, s:s, s:o}", "progress", "event", "event", printable(event), "status",
			       event_status_name(status), "text", printable(text)));
}

void progress_note(struct progress *p, const char *event, const char *text)
{
	send_json(p,
		  json_pack("{s:s, s:o, s:o}", "progress", "note", "event", printable(event), "text", printable(text)));
}

void progress_doing(struct progress *p, const char *event, const char *text)
{
	int64_t ms = proc_clock_ms();

	if (*text ? ms - p->last_doing_ms < PAUSE_MS : !p->does)
		return;
	p->does = *text != '\0';
	if (p->does)
		p->last_doing_ms = ms;
	send_json(p, json_pack("{s:s, s:o, s:o}", "progress", "doing", "event", printable(event), "text",
			       printable(text)));
}

void progress_work(void *progress, uint64_t files, uint64_t bytes)
{
	struct progress *p = progress;
	int64_t ms = proc_clock_ms();

	if (!p->event || ms - p->last_work_ms < PAUSE_MS)
		return;
	p->last_work_ms = ms;
	send_json(p, json_pack("{s:s, s:s, s:I, s:I, s:I, s:I}", "progress", "work", "event", p->event, "files",
			       (json_int_t)files, "files_total", (json_int_t)p->files_total, "bytes", (json_int_t)bytes,
			       "bytes_total", (json_int_t)p->bytes_total));
}

void progress_result(struct progress *p, const struct deployment *d, const struct deployment_result *r)
{
	send_json(p, json_pack("{s:s, s:o}", "progress", "result", "deployment", deployment_result_to_json(d, r)));
}

void progress_recovered(struct progress *p, const struct deployment *d, const struct deployment_result *r)
{
	send_json(p, json_pack("{s:s, s:o}", "progress", "recovered", "deployment", deployment_result_to_json(d, r)));
}

void progress_unpacked(struct progress *p, const struct unpack_answer *a)
{
	send_json(p, unpack_answer_to_json(a));
}

void progress_packed(struct progress *p, const struct pack_answer *a)
{
	send_json(p, pack_answer_to_json(a));
}

void progress_planned(struct progress *p, const struct plan_answer *a)
{
	send_json(p, plan_answer_to_json(a));
}
