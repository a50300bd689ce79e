/* cli/cmd_lint.c - read what PATH names, lint it, show the findings. */
#include "cli/cmd_lint.h"

#include "appspec/lint.h"
#include "cli/lint_show.h"
#include "cli/lint_source.h"
#include "util/auto.h"

#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <stdio.h>

static const char usage[] = "Usage: slipway lint PATH [--json] [--strict] [--portable]\n"
			    "\n"
			    "Checks an appspec file, or a folder or archive with an appspec.yml and everything\n"
			    "it names, and tells every error and warning with its line and column. Changes\n"
			    "nothing; an archive is unpacked below $TMPDIR meanwhile.\n"
			    "\n"
			    "  --json      one JSON document on stdout\n"
			    "  --strict    warnings count as errors\n"
			    "  --portable  warn of what the AWS CodeDeploy agents 1.8.1 and 2.x would do otherwise\n"
			    "  --help      this text\n"
			    "\n"
			    "Exit status: 0 fine, 1 there are errors, 2 wrong usage or PATH cannot be read.\n";

struct options {
	const char *path;
	bool json, strict, portable;
};

/* 1: go on; else the exit status is *STATUS. */
static int read_options(int argc, char **argv, struct options *o, int *status)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
						 { "strict", no_argument, NULL, 's' },
						 { "portable", no_argument, NULL, 'p' },
						 { "help", no_argument, NULL, 'h' },
						 { NULL, 0, NULL, 0 } };

	optind = 0; /* start anew: the caller's own options were read before */
	opterr = 0;
	*status = 2;
	for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		switch (c) {
		case 'j':
			o->json = true;
			break;
		case 's':
			o->strict = true;
			break;
		case 'p':
			o->portable = true;
			break;
		case 'h':
			(void)fputs(usage, stdout);
			*status = 0;
			return 0;
		default:
			(void)fprintf(stderr, "slipway lint: unknown option '%s': see 'slipway lint --help'\n",
				      argv[optind - 1]);
			return 0;
		}
	}
	if (argc - optind != 1) {
		(void)fprintf(stderr, "slipway lint: %s: see 'slipway lint --help'\n",
			      argc == optind ? "name an appspec file, a folder or an archive" : "name one path only");
		return 0;
	}
	o->path = argv[optind];
	return 1;
}

/* When nobody can tell, there may be one. */
static bool is_user(const char *name)
{
	errno = 0;
	return getpwnam(name) || (errno && errno != ENOENT && errno != ESRCH);
}

int cmd_lint(int argc, char **argv)
{
	AUTO(lint_source_done) struct lint_source l = { 0 };
	struct options o = { 0 };
	struct err err = ERR_INIT;
	int status;

	if (!read_options(argc, argv, &o, &status))
		return status;
	l.portable = o.portable;
	if (lint_source_read(o.path, &l, &err) < 0 || l.signal) {
		if (l.signal)
			return 128 + l.signal;
		lint_show_failure("lint", &err);
		return 2;
	}
	if (l.appspec)
		lint_users(l.appspec, is_user, &l.findings);
	lint_sort(&l.findings);

	struct span text = { str_text(&l.text), l.text.len };
	bool ok = !l.findings.errors && !(o.strict && l.findings.count);

	if (o.json)
		lint_show_json(ok, l.findings.errors ? NULL : l.appspec, text, &l.findings);
	else
		lint_show_text(stdout, str_text(&l.name), text, &l.findings, ok);
	return ok ? 0 : 1;
}
