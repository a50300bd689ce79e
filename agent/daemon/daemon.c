/* daemon/daemon.c - start, signals, configuration, end. */
#include "daemon/daemon.h"

#include "daemon/chore.h"
#include "daemon/dispatch.h"
#include "daemon/ends.h"
#include "daemon/instance_lock.h"
#include "daemon/recover_job.h"
#include "daemon/requests.h"
#include "daemon/resume.h"
#include "format/json.h"
#include "util/auto.h"
#include "util/log.h"
#include "util/str.h"
#include "worker/worker_spawn.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#define SECOND_US UINT64_C(1000000)

int64_t daemon_now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t); /* cannot fail for this clock */
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void on_trouble(void *context, const char *text)
{
	(void)context;
	log_warning("%s", text);
}

void daemon_scan(struct daemon *d)
{
	const struct history_watch watch = { .trouble = on_trouble };
	struct err err = ERR_INIT;

	if (history_scan(d->history, &watch, &err) < 0)
		log_error("reading the deployment folders: %s", err.msg);
}

static bool is_idle(const struct daemon *d)
{
	return !dispatch_running(d) && !recover_job_any(d) && !chore_any(d);
}

void daemon_changed(struct daemon *d)
{
	size_t running = dispatch_running(d);

	(void)sd_notifyf(0, "STATUS=%s%zu deployment%s running", d->stopping ? "stopping, " : "", running,
			 running == 1 ? "" : "s"); /* nobody may listen */
	if (d->stopping && is_idle(d))
		(void)sd_event_exit(d->loop, 0);
}

static int on_stop_timeout(sd_event_source *source, uint64_t now, void *context)
{
	struct daemon *d = context;

	(void)source, (void)now;
	log_warning("what still runs goes on without the daemon event='stop_timeout' running=%zu", dispatch_running(d));
	(void)sd_event_exit(d->loop, 0);
	return 0;
}

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *context)
{
	struct daemon *d = context;
	uint64_t patience_us = d->config.stop_timeout_s * SECOND_US;

	(void)source;
	if (d->stopping) {
		log_info("told again to stop: going at once event='stopping' signal=%u", info->ssi_signo);
		(void)sd_event_exit(d->loop, 0);
		return 0;
	}
	log_info("stopping: no new work event='stopping' signal=%u running=%zu", info->ssi_signo, dispatch_running(d));
	d->stopping = true;
	(void)sd_notifyf(0, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRIu64, patience_us + 10 * SECOND_US);
	if (!patience_us || sd_event_add_time_relative(d->loop, &d->stop_timer, CLOCK_MONOTONIC, patience_us, 0,
						       on_stop_timeout, d) < 0)
		(void)sd_event_exit(d->loop, 0);
	daemon_changed(d);
	return 0;
}

/* Configuration */

static int load_access(const struct config *c, struct access *out, struct err *err)
{
	char *const *const lists[ACCESS_CLASS_COUNT] = {
		[ACCESS_STATUS] = c->access_status,
		[ACCESS_DEPLOY] = c->access_deploy,
	};
	char **unknown = NULL;

	if (access_load(lists, geteuid(), &access_system_names, out, &unknown, err) < 0)
		return -1;
	for (size_t i = 0; unknown && unknown[i]; i++)
		/* the package makes these groups; a host without them needs no warning about the defaults */
		log_line(!strcmp(unknown[i], "group:slipway") || !strcmp(unknown[i], "group:slipway-deploy")
				 ? LOG_LEVEL_DEBUG
				 : LOG_LEVEL_WARNING,
			 "access: this host does not know '%s', so it lets nobody in", unknown[i]);
	jstrings_free(unknown);
	return 0;
}

static int load(const struct config_place *place, struct config *config, struct access *access, struct err *err)
{
	if (config_load(place, config, err) < 0)
		return -1;
	if (load_access(config, access, err) == 0)
		return 0;
	config_done(config);
	return -1;
}

static void warn(const struct config *c)
{
	for (size_t i = 0; i < c->warning_count; i++)
		log_warning("%s", c->warnings[i]);
}

/* These are in use: what has changed counts from the next start. */
static void keep(char **new, char **old, const char *key)
{
	char *swapped = *new;

	if (!strcmp(*new, *old))
		return;
	log_warning("'%s' is '%s' until the daemon is started again, then '%s'", key, *old, *new);
	*new = *old;
	*old = swapped;
}

static void reload(struct daemon *d)
{
	struct config config = { 0 };
	struct access access = { 0 };
	struct err err = ERR_INIT;

	free(d->reload_error);
	d->reload_error = NULL;
	if (load(&d->place, &config, &access, &err) < 0) {
		log_error("%s: the configuration is as before event='reload_failed'", err.msg);
		d->reload_error = xstrdup(err.msg);
		return;
	}
	warn(&config);
	keep(&config.state_dir, &d->config.state_dir, "state_dir");
	keep(&config.socket, &d->config.socket, "socket");
	keep(&config.settings.deployment_root, &d->config.settings.deployment_root, "deployment_root");
	config_done(&d->config);
	access_done(&d->access);
	d->config = config;
	d->access = access;
	log_info("the configuration was read again event='reloaded'");
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *info, void *context)
{
	struct timespec t;

	(void)source, (void)info;
	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail for this clock */
	(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
			 (uint64_t)t.tv_sec * SECOND_US + (uint64_t)t.tv_nsec / 1000);
	reload(context);
	(void)sd_notify(0, "READY=1");
	return 0;
}

/* Start and end */

static int add_signals(struct daemon *d, struct err *err)
{
	static const struct {
		int signal;
		sd_event_signal_handler_t handler;
	} handled[] = { { SIGTERM, on_stop }, { SIGINT, on_stop }, { SIGHUP, on_reload } };
	sigset_t set;
	int r = 0;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(handled); i++)
		(void)sigaddset(&set, handled[i].signal);
	(void)sigprocmask(SIG_BLOCK, &set, NULL); /* can only fail for a wrong first argument */
	for (size_t i = 0; r >= 0 && i < ARRAY_LEN(handled); i++)
		r = sd_event_add_signal(d->loop, NULL, handled[i].signal, handled[i].handler, d);
	r = r < 0 ? r : sd_event_set_watchdog(d->loop, true);
	errno = -r;
	return r < 0 ? err_sys(err, "catching signals") : 0;
}

static int open_state(struct daemon *d, struct err *err)
{
	if (instance_lock(d->config.state_dir, &d->lock, err) < 0)
		return -1;

	AUTO_FREE char *path = xasprintf("%s/" DB_NAME, d->config.state_dir);
	bool was_there = access(path, F_OK) == 0;

	if (db_open(d->config.state_dir, &d->db, &d->database_told, err) < 0)
		return err_add(err, "state folder '%s'", d->config.state_dir);
	if (d->database_told)
		log_line(was_there ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "%s event='database_made'", d->database_told);
	if (!was_there) { /* the first start of all: nothing to be unhappy about */
		free(d->database_told);
		d->database_told = NULL;
	}
	d->history = history_new(d->db, d->config.settings.deployment_root);
	return 0;
}

static int start(struct daemon *d, struct err *err)
{
	int r = sd_event_new(&d->loop);

	if (r < 0) {
		errno = -r;
		return err_sys(err, "making the event loop");
	}
	if (load(&d->place, &d->config, &d->access, err) < 0)
		return -1;
	warn(&d->config);
	if (config_check_writable(&d->config, err) < 0 || worker_find(&d->worker, err) < 0 || open_state(d, err) < 0 ||
	    add_signals(d, err) < 0)
		return -1;
	d->queue = queue_new();
	d->streams = streams_new();
	d->started_at_ms = daemon_now_ms();
	d->handler = (struct socket_handler){ requests_take, requests_client_gone, d };
	/* the socket before what was left is taken up: a second daemon is noticed with nothing done */
	if (socket_server_start(d->loop, d->config.socket, &d->handler, &d->server, err) < 0)
		return -1;
	return resume_all(d, err);
}

static void end(struct daemon *d)
{
	struct err err = ERR_INIT;

	(void)err_set(&err, ERR_UNREACHABLE, "the daemon has stopped");
	if (d->streams)
		streams_abandon(d->streams, &err, "the deployment goes on by itself: ask again when the daemon runs");
	socket_server_free(d->server);
	streams_free(d->streams);
	chore_free_all(d);
	recover_job_free_all(d);
	dispatch_free_all(d);
	ends_free(d);
	queue_free(d->queue);
	history_free(d->history);
	db_free(d->db);
	(void)sd_event_source_disable_unref(d->stop_timer);
	(void)sd_event_unref(d->loop);
	access_done(&d->access);
	config_done(&d->config);
	free(d->worker);
	free(d->reload_error);
	free(d->database_told);
	auto_closep(&d->lock); /* last: from here on another daemon may start */
}

int daemon_run(const struct config_place *place, struct err *err)
{
	AUTO(end) struct daemon d = { .place = *place, .lock = -1 };

	if (start(&d, err) < 0)
		return -1;
	log_info("slipway " SLIPWAY_VERSION " is ready event='ready' socket='%s' deployment_root='%s'", d.config.socket,
		 d.config.settings.deployment_root);
	(void)sd_notify(0, "READY=1");
	daemon_changed(&d);

	int r = sd_event_loop(d.loop);

	(void)sd_notify(0, "STOPPING=1");
	errno = -r;
	if (r < 0)
		return err_sys(err, "the event loop");
	log_info("the daemon ends event='stopped' running=%zu", dispatch_running(&d));
	return 0;
}
