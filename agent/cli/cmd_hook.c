/* cli/cmd_hook.c - checks the command line; the worker program, which knows Lua, takes this process over. */
#include "cli/cmd_hook.h"

#include "appspec/ready_hook.h"
#include "cli/ready_view.h"
#include "config/config.h"
#include "format/json.h"
#include "util/auto.h"
#include "util/str.h"
#include "worker/hook_try.h"
#include "worker/worker_spawn.h"

#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
	"Usage: slipway hook [OPTION]... FILE\n"
	"       slipway hook [OPTION]... --use NAME [--with ARGUMENT=VALUE]...\n"
	"       slipway hook --list\n"
	"       slipway hook --test [--filter TEXT] [--json] [--junit FILE] [--timeout SECONDS] PATH...\n"
	"\n"
	"Try one hook, a program or a script in Lua, as the agent would run it: with the agent's environment, in the\n"
	"folder /, without input, in a process group of its own. Its output appears as it comes. What it does to this\n"
	"host, it does.\n"
	"\n"
	"  --event NAME      LIFECYCLE_EVENT (default: ValidateService)\n"
	"  --group NAME      as in this deployment group: DEPLOYMENT_GROUP_NAME, and what the host's 'vars' have for "
	"it\n"
	"  --env NAME=VALUE  one more variable; may be given several times\n"
	"  --timeout SECONDS how long it may take (default: 3600)\n"
	"  --use NAME        a ready-made hook in place of a file; with --help: what it takes\n"
	"  --with ARG=VALUE  one of its arguments; may be given several times\n"
	"  --list            the ready-made hooks\n"
	"\n"
	"  --test            run the tests of hooks in files, and in all *_test.lua below folders; --timeout is for "
	"each\n"
	"                    case (default: 10)\n"
	"  --filter TEXT     only cases whose name holds TEXT, in upper or lower case\n"
	"  --json            their results as one JSON document\n"
	"  --junit FILE      write them to FILE, too, as JUnit XML\n"
	"\n"
	"A file that ends in .lua and has no `#!` line is run as Lua; see slipway-lua(7). As `#!/usr/bin/slipway hook` "
	"in a\n"
	"script, which any deployment agent may execute, this command runs the script as Lua in that agent's "
	"environment.\n"
	"\n"
	"Exit status: 0 it succeeded (all tests passed), 1 it failed, 2 wrong usage; as an interpreter, that of the "
	"script.\n";

#define MAX_VARIABLES 1000
#define MAX_ARGUMENTS READY_ARGUMENTS_MAX
#define FIXED_WORDS   8

struct trial {
	const char *event, *timeout, *use, *junit, *filter, *group;
	char *arguments[MAX_ARGUMENTS];
	size_t argument_count;
	bool help, list, test, json;
	char *words[FIXED_WORDS + MAX_VARIABLES + 1]; /* the worker's argv */
	size_t variables;
};

static int wrong(const char *text, const char *word)
{
	(void)fprintf(stderr, "slipway hook: %s '%s': see 'slipway hook --help'\n", text, word);
	return 2;
}

static bool is_timeout(const char *text)
{
	char *end;
	long s = strtol(text, &end, 10);

	return end != text && !*end && s > 0 && s <= 366L * 86400;
}

/* Where the value of the option C goes. */
static const char **slot_of(struct trial *t, int c)
{
	const struct {
		int option;
		const char **slot;
	} slots[] = { { 'e', &t->event }, { 'g', &t->group }, { 't', &t->timeout },
		      { 'u', &t->use },	  { 'x', &t->junit }, { 'f', &t->filter } };
	size_t i = 0;

	while (slots[i].option != c)
		i++;
	return slots[i].slot;
}

/* -1: go on; else the exit status. */
static int take_options(struct trial *t, int argc, char **argv)
{
	static const struct option options[] = { { "event", required_argument, NULL, 'e' },
						 { "env", required_argument, NULL, 'v' },
						 { "group", required_argument, NULL, 'g' },
						 { "timeout", required_argument, NULL, 't' },
						 { "use", required_argument, NULL, 'u' },
						 { "with", required_argument, NULL, 'w' },
						 { "list", no_argument, NULL, 'l' },
						 { "test", no_argument, NULL, 'T' },
						 { "json", no_argument, NULL, 'J' },
						 { "junit", required_argument, NULL, 'x' },
						 { "filter", required_argument, NULL, 'f' },
						 { "help", no_argument, NULL, 'h' },
						 { NULL, 0, NULL, 0 } };

	optind = 0; /* start anew: the caller's own options were read before */
	opterr = 0;
	for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		if (c == '?')
			return wrong("unknown option, or one without its value:", argv[optind - 1]);
		if (c == 'v' && (*optarg == '=' || !strchr(optarg, '=') || t->variables == MAX_VARIABLES))
			return wrong("NAME=VALUE expected, got", optarg);
		if (c == 't' && !is_timeout(optarg))
			return wrong("--timeout: seconds expected, got", optarg);
		if (strchr("egf", c) && !*optarg)
			return wrong("--event, --group and --filter expect a text, got", optarg);
		if (c == 'w' && t->argument_count == MAX_ARGUMENTS)
			return wrong("too many arguments, from", optarg);
		if (c == 'v')
			t->words[FIXED_WORDS + t->variables++] = optarg;
		else if (c == 'w')
			t->arguments[t->argument_count++] = optarg;
		else if (strchr("hlTJ", c))
			*(c == 'h' ? &t->help : c == 'l' ? &t->list : c == 'T' ? &t->test : &t->json) = true;
		else
			*slot_of(t, c) = optarg;
	}
	return -1;
}

static int blame(const struct err *err)
{
	(void)fprintf(stderr, "slipway hook: %s\n", err->msg);
	return err_exit_status(err->kind);
}

static int tell(const struct trial *t)
{
	struct err err = ERR_INIT;

	if (t->help && !t->use)
		(void)fputs(usage, stdout);
	else if ((t->list ? ready_view_list(&err) : ready_view_show(t->use, &err)) < 0)
		return blame(&err);
	return 0;
}

/* WITH: the arguments of a ready-made hook. -1: go on. */
static int check_words(const struct trial *t, int argc, char **argv, char **with)
{
	struct err err = ERR_INIT;

	if (t->json || t->junit || t->filter)
		return wrong("only with --test:", t->json ? "--json" : t->junit ? "--junit" : "--filter");
	if (!t->use && t->argument_count)
		return wrong("--with belongs to --use, and there is none; got", t->arguments[0]);
	if (!t->use && optind == argc)
		return wrong("name a file after", "hook");
	if (t->use && optind < argc)
		return wrong("--use stands for a file; what comes after it is", argv[optind]);
	if (argc - optind > 1)
		return wrong("name one file only; what comes after it is", argv[optind + 1]);
	if (t->use && ready_hook_with_words(t->use, t->arguments, t->argument_count, with, &err) < 0)
		return blame(&err);
	return -1;
}

/* -1: go on. */
static int check_test(const struct trial *t, int argc)
{
	if (t->event || t->group || t->use || t->variables || t->argument_count)
		return wrong("a test says itself with which event, group, variables and arguments a hook runs: not "
			     "with",
			     "--test");
	if (optind == argc)
		return wrong("name files or folders of tests after", "--test");
	return -1;
}

/* Only comes back when it fails. */
static int become_worker(const char *worker, char **words)
{
	(void)signal(SIGPIPE, SIG_DFL); /* the command ignores it; a hook must not inherit that */
	(void)execv(worker, words);
	(void)fprintf(stderr, "slipway hook: executing '%s': %s\n", worker, strerrordesc_np(errno));
	return 1;
}

static int run_tests(const struct trial *t, const char *worker, int argc, char **argv)
{
	AUTO_FREE char **words = xcalloc((size_t)(argc - optind) + 8, sizeof(*words));
	size_t n = 0;

	words[n++] = (char *)"slipway-worker";
	words[n++] = (char *)"--hook";
	words[n++] = (char *)"test";
	words[n++] = (char *)(t->timeout ? t->timeout : "10");
	words[n++] = (char *)(t->json ? "json" : "text");
	words[n++] = (char *)(t->junit ? t->junit : "");
	words[n++] = (char *)(t->filter ? t->filter : "");
	memcpy(words + n, argv + optind, (size_t)(argc - optind) * sizeof(*words));
	return become_worker(worker, words);
}

/* Executed by an agent, as the interpreter that a script names? */
static bool is_interpreter(const struct trial *t, int argc)
{
	return argc == 2 && !t->event && !t->group && !t->timeout && !t->use && !t->variables &&
	       getenv("LIFECYCLE_EVENT") && getenv("DEPLOYMENT_ID");
}

/* To the worker, as worker/hook_try.h wants them. */
static int pass_vars(const struct cli *cli, const char *group, struct err *err)
{
	const struct config_place place = { .root = cli->root, .file = cli->config };
	AUTO(config_done) struct config c = { 0 };
	AUTO(settings_done) struct settings s = { 0 };

	if (config_load(&place, &c, err) < 0)
		return -1;
	config_settings(&c, group, &s);

	json_t *list = jstrings(s.variables, jbytes);
	AUTO_FREE char *text = json_dumps(list, JSON_COMPACT);

	json_decref(list);
	if (!text || setenv(HOOK_TRY_VARS, text, 1) < 0)
		return err_sys(err, "passing on the variables of group '%s'", group);
	return 0;
}

int cmd_hook(const struct cli *cli, int argc, char **argv)
{
	struct trial t = { 0 };
	struct err err = ERR_INIT;
	AUTO_FREE char *worker = NULL, *with = NULL;
	int status = take_options(&t, argc, argv);

	if (status < 0 && (t.help || t.list))
		return tell(&t);
	if (status < 0)
		status = t.test ? check_test(&t, argc) : check_words(&t, argc, argv, &with);
	if (status >= 0)
		return status;
	if (worker_find(&worker, &err) < 0)
		return blame(&err);
	if (t.test)
		return run_tests(&t, worker, argc, argv);

	const bool interpreter = is_interpreter(&t, argc);

	t.words[0] = (char *)"slipway-worker";
	t.words[1] = (char *)"--hook";
	t.words[2] = (char *)(interpreter ? "as-is" : t.use ? "use" : "try");
	t.words[3] = t.use ? (char *)t.use : argv[optind];
	if (t.group && pass_vars(cli, t.group, &err) < 0)
		return blame(&err);
	if (!interpreter) {
		t.words[4] = (char *)(t.event ? t.event : "ValidateService");
		t.words[5] = (char *)(t.timeout ? t.timeout : "3600");
		t.words[6] = with ? with : (char *)"";
		t.words[7] = (char *)(t.group ? t.group : "");
	}
	return become_worker(worker, t.words);
}
