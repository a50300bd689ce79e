/* appspec/appspec_file.h - where in an unpacked bundle the appspec lies.
 *
 * The rule of Install, used everywhere (spec/codedeploy-agent.md section 5.1 and Q2): the name that was asked for
 * (appspec.yml when none was), else appspec.yaml, else appspec.yml. The file is never read through a link.
 */
#pragma once

#include "util/err.h"
#include "util/str.h"

/* Put the appspec of the folder DIR_FD into TEXT. FILENAME: the name asked for, NULL: none. 1: read, *USED is its name
 * (FILENAME or a constant); 0: there is none. ERR_APPSPEC: too large or no file. */
int appspec_file_read(int dir_fd, const char *filename, struct str *text, const char **used, struct err *err);
/* What remains of FD (borrowed) into TEXT; NAME is for messages. */
int appspec_file_read_fd(int fd, const char *name, struct str *text, struct err *err);
