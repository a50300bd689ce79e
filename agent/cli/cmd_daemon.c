/* cli/cmd_daemon.c - options, then the daemon. */
#include "cli/cmd_daemon.h"

#include "cli/plan_folder.h"
#include "daemon/daemon.h"
#include "util/log.h"

#include <getopt.h>
#include <stdio.h>

static void help(void)
{
	(void)puts("Usage: slipway [--config FILE] [--root DIR] daemon [--debug]\n\n"
		   "The service: takes deployments over its socket and runs them. Stays in the foreground and logs to\n"
		   "stderr; systemd runs it as slipway.service. TERM: stop when what runs has ended (stop_timeout at\n"
		   "most); TERM again: at once. HUP: read the configuration again.\n\n"
		   "      --debug  log more\n"
		   "  -h, --help   this text\n\n"
		   "Exit status: 0 stopped as told, 1 failed, 2 wrong usage or configuration, 5 another daemon runs.");
}

/* What a plan that was killed has left; wrong configuration is for the daemon to tell. */
static void clear_up(const struct config_place *place)
{
	struct config c = { 0 };
	struct err unsaid = ERR_INIT;

	if (config_load(place, &c, &unsaid) == 0)
		plan_folder_sweep(c.state_dir);
	config_done(&c);
}

int cmd_daemon(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{ "debug", no_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const struct config_place place = { .root = cli->root, .file = cli->config };
	enum log_level level = LOG_LEVEL_INFO;
	struct err err = ERR_INIT;
	int option;

	optind = 0; /* a new command line for getopt */
	while ((option = getopt_long(argc, argv, "+h", options, NULL)) != -1) {
		if (option == 'h') {
			help();
			return 0;
		}
		if (option != 'd')
			return 2; /* getopt has said why */
		level = LOG_LEVEL_DEBUG;
	}
	if (optind < argc) {
		(void)fputs("error: `slipway daemon` takes no words: its configuration says what it does\n", stderr);
		return 2;
	}
	log_set_level(level);
	clear_up(&place);
	if (daemon_run(&place, &err) == 0)
		return 0;
	log_error("%s", err.msg);
	return err_exit_status(err.kind);
}
