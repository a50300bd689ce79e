/* cli/cmd_init.c - write an appspec that lints clean and says in its comments what else it could hold. */
#include "cli/cmd_init.h"

#include "util/auto.h"
#include "util/fs.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char usage[] = "Usage: slipway init [DIR]\n"
			    "\n"
			    "Writes an appspec.yml to start from into DIR (default: the current folder).\n"
			    "A file that is there is never overwritten.\n"
			    "\n"
			    "  --help  this text\n";

static const char start[] =
	"# What this bundle installs, and what runs while it does. Check it with: slipway lint .\n"
	"version: 0.0\n"
	"os: linux\n"
	"\n"
	"# Files: 'source' is a file or folder of this bundle (/ is all of it), 'destination' always a folder of the "
	"host.\n"
	"files:\n"
	"  - source: /\n"
	"    destination: /srv/app\n"
	"\n"
	"# What to do with files in the way that no earlier revision installed: DISALLOW (fail, the default), "
	"OVERWRITE\n"
	"# or RETAIN (keep them).\n"
	"# file_exists_behavior: DISALLOW\n"
	"\n"
	"# Owners, groups and modes of what 'files' installs below 'object', which itself is not meant. The pattern "
	"**\n"
	"# means everything at any depth, any other pattern direct children only. Modes stand in quotes.\n"
	"# permissions:\n"
	"#   - object: /srv/app\n"
	"#     pattern: \"**\"\n"
	"#     except: [\"*.sh\"]\n"
	"#     type: [file]\n"
	"#     owner: www-data\n"
	"#     group: www-data\n"
	"#     mode: \"0644\"\n"
	"\n"
	"# Scripts of this bundle, run in this order. An event that fails ends the deployment. Timeouts are in "
	"seconds.\n"
	"# ApplicationStop uses the scripts of the revision that was installed last.\n"
	"# hooks:\n"
	"#   ApplicationStop:\n"
	"#     - location: scripts/stop.sh\n"
	"#       timeout: 60\n"
	"#   BeforeInstall:\n"
	"#     - location: scripts/before-install.sh\n"
	"#   AfterInstall:\n"
	"#     - location: scripts/after-install.sh\n"
	"#       runas: root\n"
	"#   ApplicationStart:\n"
	"#     - location: scripts/start.sh\n"
	"#       timeout: 60\n"
	"#   ValidateService:\n"
	"#     - location: scripts/validate.sh\n"
	"#       timeout: 120\n"
	"\n"
	"# For slipway alone; other agents ignore it. 'overwrite' goes before file_exists_behavior, the first path "
	"that\n"
	"# matches counts, and RETAIN keeps files that were edited by hand since they were installed, too.\n"
	"# slipway:\n"
	"#   requires: " SLIPWAY_VERSION "\n"
	"#   overwrite:\n"
	"#     - path: /srv/app/**/*.conf\n"
	"#       behavior: RETAIN\n"
	"#   hooks:  # in Lua, of the bundle or ready-made (slipway hook --list); they run behind those above\n"
	"#     ApplicationStart:\n"
	"#       - location: scripts/start.lua\n"
	"#     ValidateService:\n"
	"#       - use: http-check\n"
	"#         with: {url: \"http://127.0.0.1:{{PORT}}/health\", for: 30s}\n"
	"#   env: {PORT: \"8080\"}\n";

static int refuse_existing(int dir_fd, const char *dir, struct err *err)
{
	static const char *const names[] = { "appspec.yml", "appspec.yaml" };
	struct stat st;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!fstatat(dir_fd, names[i], &st, AT_SYMLINK_NOFOLLOW))
			return err_set(err, ERR_EXISTS, "there is a '%s' in '%s' already: edit it, or remove it first",
				       names[i], dir);
	return 0;
}

static int write_start(int dir_fd, struct err *err)
{
	AUTO_FD int fd = fs_create(dir_fd, "appspec.yml", O_WRONLY, 0644);

	if (fd < 0)
		return err_sys(err, "creating 'appspec.yml'");
	if (fs_write(fd, start, sizeof(start) - 1) < 0) {
		err_sys(err, "writing 'appspec.yml'");
		(void)fs_unlink(dir_fd, "appspec.yml"); /* the first error is the one to tell */
		return -1;
	}
	return 0;
}

static int init(const char *dir, struct err *err)
{
	AUTO_FD int fd = fs_open_dir(dir, err);

	return fd < 0 || refuse_existing(fd, dir, err) < 0 || write_start(fd, err) < 0 ? -1 : 0;
}

int cmd_init(int argc, char **argv)
{
	static const struct option options[] = { { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	struct err err = ERR_INIT;

	optind = 0; /* start anew: the caller's own options were read before */
	opterr = 0;
	for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		if (c == 'h') {
			(void)fputs(usage, stdout);
			return 0;
		}
		(void)fprintf(stderr, "slipway init: unknown option '%s': see 'slipway init --help'\n",
			      argv[optind - 1]);
		return 2;
	}
	if (argc - optind > 1) {
		(void)fputs("slipway init: name one folder only: see 'slipway init --help'\n", stderr);
		return 2;
	}

	const char *dir = optind < argc ? argv[optind] : ".";

	if (init(dir, &err) < 0) {
		(void)fprintf(stderr, "slipway init: %s\n", err.msg);
		return 1;
	}
	(void)printf("wrote %s%sappspec.yml; next: edit it, then 'slipway lint %s'\n", strcmp(dir, ".") ? dir : "",
		     strcmp(dir, ".") && dir[strlen(dir) - 1] != '/' ? "/" : "", dir);
	return 0;
}
