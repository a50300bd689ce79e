/* cli/doctor_daemon.c - does a daemon answer, which one is it, and is it happy? */
#include "cli/daemon_client.h"
#include "cli/doctor.h"
#include "util/auto.h"

#include <string.h>

static void describe(struct doctor *d, const json_t *answer)
{
	const struct status_view *v = &d->status;
	struct err err = ERR_INIT;

	if (status_view_read(answer, &d->status, &err) < 0) {
		doctor_say(d, DOCTOR_ERROR, "daemon",
			   "install the slipway of the same version, then 'systemctl restart slipway'",
			   "its answer is not understood: %s", err.msg);
		return;
	}
	if (strcmp(v->version, SLIPWAY_VERSION))
		doctor_say(d, DOCTOR_WARNING, "daemon", "systemctl restart slipway",
			   "version %s is running, version " SLIPWAY_VERSION " is installed", v->version);
	else
		doctor_say(d, DOCTOR_OK, "daemon", NULL, "version %s answers, process %llu", v->version,
			   (unsigned long long)v->pid);
	if (v->stopping)
		doctor_say(d, DOCTOR_WARNING, "daemon", "wait for it, or 'systemctl start slipway' afterwards",
			   "it is stopping and takes no deployments");
	for (char **u = v->unhappy; u && *u; u++)
		doctor_say(d, DOCTOR_WARNING, "daemon", NULL, "unhappy: %s", *u);
}

static void describe_failure(struct doctor *d, const struct daemon_answer *a)
{
	if (a->end == DAEMON_REFUSED)
		doctor_say(d, DOCTOR_WARNING, "daemon", a->action, "it does not tell its status: %s", a->message);
	else if (a->end == DAEMON_TIMED_OUT)
		doctor_say(d, DOCTOR_ERROR, "daemon", "systemctl restart slipway", "it has not answered within %u s",
			   d->timeout_s);
	else
		doctor_say(d, DOCTOR_ERROR, "daemon", "journalctl -u slipway says why",
			   "it went away without an answer");
}

void doctor_daemon(struct doctor *d)
{
	AUTO(daemon_answer_done) struct daemon_answer a = { 0 };
	AUTO(json_freep) json_t *request = json_pack("{s:s}", "request", "status");
	const struct daemon_talk talk = { .socket = d->config->socket, .request = request, .timeout_s = d->timeout_s };
	struct err err = ERR_INIT;

	if (daemon_talk(&talk, &a, &err) < 0)
		doctor_say(d, err.kind == ERR_DENIED ? DOCTOR_WARNING : DOCTOR_ERROR, "daemon", NULL, "%s", err.msg);
	else if (a.end == DAEMON_DONE)
		describe(d, a.json);
	else
		describe_failure(d, &a);
}
