/* worker/hook_test_report.h - what a run of tests says: lines for people, one JSON document, a JUnit file.
 *
 * A result: {"file", "case", "line", "ok", "duration_ms", "message", "action", "trace", "log"}; the last four are there
 * when it is not ok, "log" being the lines of the last hook it ran. All texts are fit for a terminal (format/plain.h).
 */
#pragma once

#include "util/err.h"
#include "util/str.h"

#include <jansson.h>

/* To standard output, one result as soon as it is known. BEFORE: the one before it, NULL: none. */
void hook_test_report_line(const json_t *result, const json_t *before);
/* LEFT_OUT: cases that were not asked for. */
void hook_test_report_end(const json_t *results, size_t left_out, double seconds);
json_t *hook_test_report_json(const json_t *results, size_t left_out, double seconds); /* the caller's */
/* As Jenkins and its kin read it: a testsuite per file, a testcase per case. */
int hook_test_report_junit(const json_t *results, struct str *out, struct err *err);
size_t hook_test_report_failed(const json_t *results);
