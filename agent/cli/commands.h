/* cli/commands.h - the commands that ask the daemon, and those that look at this machine; one file each.
 *
 * ARGV[0] is the command; each reads its options, does it, says how it went and returns the exit status (PRODUCT
 * section 3). --help never acts.
 */
#pragma once

#include "cli/cli.h"

int cmd_deploy(const struct cli *cli, int argc, char **argv);
int cmd_rollback(const struct cli *cli, int argc, char **argv);
int cmd_watch(const struct cli *cli, int argc, char **argv);
int cmd_wait(const struct cli *cli, int argc, char **argv);
int cmd_list(const struct cli *cli, int argc, char **argv);
int cmd_show(const struct cli *cli, int argc, char **argv);
int cmd_logs(const struct cli *cli, int argc, char **argv);
int cmd_status(const struct cli *cli, int argc, char **argv);
int cmd_stop(const struct cli *cli, int argc, char **argv);	    /* cmd_steer.c */
int cmd_forget(const struct cli *cli, int argc, char **argv);	    /* cmd_steer.c */
int cmd_prune(const struct cli *cli, int argc, char **argv);	    /* cmd_steer.c */
int cmd_explain(const struct cli *cli, int argc, char **argv);	    /* needs neither daemon nor configuration */
int cmd_doctor(const struct cli *cli, int argc, char **argv);	    /* works without a daemon, and says so */
int cmd_check_config(const struct cli *cli, int argc, char **argv); /* needs no daemon */
int cmd_check(const struct cli *cli, int argc, char **argv);	    /* needs no daemon */
int cmd_plan(const struct cli *cli, int argc, char **argv);	    /* needs no daemon */
int cmd_try(const struct cli *cli, int argc, char **argv);	    /* needs no daemon */
