/* cli/cli.c - which command, with which global options. */
#include "cli/cli.h"
#include "cli/cmd_bundle.h"
#include "cli/cmd_daemon.h"
#include "cli/cmd_hook.h"
#include "cli/cmd_init.h"
#include "cli/cmd_lint.h"
#include "cli/cmd_local.h"
#include "cli/commands.h"
#include "format/plain.h"
#include "util/auto.h"
#include "util/nearest.h"
#include "util/str.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USAGE_STATUS 2

static int run_local(const struct cli *cli, int argc, char **argv)
{
	return cmd_local(cli, argc, argv, false);
}

static int run_lint(const struct cli *cli, int argc, char **argv)
{
	(void)cli; /* needs no configuration */
	return cmd_lint(argc, argv);
}

static int run_bundle(const struct cli *cli, int argc, char **argv)
{
	(void)cli; /* needs no configuration */
	return cmd_bundle(argc, argv);
}

static int run_init(const struct cli *cli, int argc, char **argv)
{
	(void)cli;
	return cmd_init(argc, argv);
}

static int run_help(const struct cli *cli, int argc, char **argv);
static int run_version(const struct cli *cli, int argc, char **argv);

static const struct command {
	const char *name;
	int (*run)(const struct cli *cli, int argc, char **argv);
	const char *summary;
} commands[] = {
	{ "deploy", cmd_deploy, "ask the daemon to deploy a folder or an archive, and wait to the end" },
	{ "plan", cmd_plan, "what a deployment would do, without doing it" },
	{ "try", cmd_try, "the whole lifecycle of a bundle in a folder that is thrown away" },
	{ "status", cmd_status, "the daemon, and what runs in every deployment group" },
	{ "watch", cmd_watch, "see a deployment to its end, or all of them" },
	{ "wait", cmd_wait, "wait for the end of a deployment" },
	{ "list", cmd_list, "what was deployed, newest first" },
	{ "show", cmd_show, "all there is to know about one deployment" },
	{ "logs", cmd_logs, "what the scripts of a deployment have said" },
	{ "stop", cmd_stop, "stop a deployment" },
	{ "rollback", cmd_rollback, "deploy an earlier good revision again" },
	{ "forget", cmd_forget, "remove the records of a deployment group" },
	{ "prune", cmd_prune, "remove old revisions and history" },
	{ "local", run_local, "deploy on this machine without a daemon" },
	{ "lint", run_lint, "check a bundle, a folder or an appspec" },
	{ "bundle", run_bundle, "check a folder and pack it" },
	{ "init", run_init, "write an appspec to start from" },
	{ "hook", cmd_hook, "try one hook, a program or Lua, as the agent would run it" },
	{ "daemon", cmd_daemon, "the service" },
	{ "explain", cmd_explain, "what an error code means and what to do" },
	{ "doctor", cmd_doctor, "look for what is wrong on this machine" },
	{ "check", cmd_check, "compare what was installed with what is there" },
	{ "check-config", cmd_check_config, "look for what is wrong in the configuration" },
	{ "help", run_help, "this text, or that of one command" },
	{ "version", run_version, "which slipway this is" },
};

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static void print_help(FILE *to)
{
	(void)fputs("Usage: slipway [--config FILE] [--root DIR] COMMAND [OPTION]...\n\nCommands:\n", to);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		(void)fprintf(to, "  %-12s  %s\n", commands[i].name, commands[i].summary);
	(void)fputs("\nOptions before the command:\n"
		    "  --config FILE  another configuration (or SLIPWAY_CONFIG)\n"
		    "  --root DIR     configuration and state below DIR (or SLIPWAY_ROOT): needs no root\n"
		    "  -h, --help     this text; `slipway COMMAND --help` for one command\n"
		    "  -V, --version\n",
		    to);
}

static int unknown_command(const char *word)
{
	const char *names[ARRAY_LEN(commands)];
	AUTO_FREE char *shown = plain_path(word);

	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		names[i] = commands[i].name;

	const char *meant = nearest_name(word, names, ARRAY_LEN(names));

	if (meant)
		(void)fprintf(stderr, "error: '%s' is not a command: did you mean 'slipway %s'?\n", shown, meant);
	else
		(void)fprintf(stderr, "error: '%s' is not a command: 'slipway help' lists them\n", shown);
	return USAGE_STATUS;
}

static int run_version(const struct cli *cli, int argc, char **argv)
{
	(void)cli, (void)argc, (void)argv;
	(void)puts("slipway " SLIPWAY_VERSION);
	return 0;
}

/* The help of a command is what the command itself says to --help. */
static int run_help(const struct cli *cli, int argc, char **argv)
{
	char *words[] = { argc > 1 ? argv[1] : NULL, "--help", NULL };
	const struct command *command = words[0] ? find_command(words[0]) : NULL;

	if (words[0] && !command && *words[0] != '-')
		return unknown_command(words[0]);
	if (!command || command->run == run_help || command->run == run_version) {
		print_help(stdout);
		return 0;
	}
	return command->run(cli, 2, words);
}

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "root", required_argument, NULL, 'r' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static const char *from_environment(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

/* What stands before the command. -1: go on at argv[optind]; else the exit status. */
static int take_options(struct cli *cli, int argc, char **argv)
{
	int option;

	while ((option = getopt_long(argc, argv, "+hV", long_options, NULL)) != -1) {
		if (option == 'h')
			return run_help(cli, 1, argv);
		if (option == 'V')
			return run_version(cli, 1, argv);
		if (option != 'c' && option != 'r')
			return USAGE_STATUS; /* getopt has said why */
		if (!*optarg) {
			(void)fprintf(stderr, "error: --%s needs a value\n", option == 'c' ? "config" : "root");
			return USAGE_STATUS;
		}
		*(option == 'c' ? &cli->config : &cli->root) = optarg;
	}
	return -1;
}

int cli_main(int argc, char **argv)
{
	struct cli cli = { .config = from_environment("SLIPWAY_CONFIG"), .root = from_environment("SLIPWAY_ROOT") };
	const char *name = argc > 0 ? str_base_name(argv[0]) : "";

	/* Whoever stops reading our progress (`| head`) shall not kill a deployment half way. */
	(void)signal(SIGPIPE, SIG_IGN);
	if (!strcmp(name, "codedeploy-local"))
		return cmd_local(&cli, argc, argv, true);

	int status = take_options(&cli, argc, argv);

	if (status >= 0)
		return status;
	if (optind >= argc) {
		print_help(stderr);
		return USAGE_STATUS;
	}

	const struct command *command = find_command(argv[optind]);

	return command ? command->run(&cli, argc - optind, argv + optind) : unknown_command(argv[optind]);
}
