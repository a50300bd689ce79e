/* worker/hook_test_report.c - see hook_test_report.h. */
#include "worker/hook_test_report.h"

#include "util/auto.h"

#include <stdio.h>
#include <string.h>

#define MESSAGE	  8  /* columns in front of it */
#define MAX_SHOWN 20 /* lines of a log */

static const char *text_of(const json_t *result, const char *key)
{
	const char *text = json_string_value(json_object_get(result, key));

	return text ? text : "";
}

static bool is_ok(const json_t *result)
{
	return json_is_true(json_object_get(result, "ok"));
}

static double seconds_of(const json_t *result)
{
	return (double)json_integer_value(json_object_get(result, "duration_ms")) / 1000;
}

size_t hook_test_report_failed(const json_t *results)
{
	size_t i, failed = 0;
	json_t *one;

	json_array_foreach(results, i, one) failed += !is_ok(one);
	return failed;
}

static void print_indented(int by, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");

		(void)printf("%*s%.*s\n", by, "", (int)n, text);
		text += n + (text[n] == '\n');
	}
}

static void print_log(const json_t *log)
{
	const size_t count = json_array_size(log), first = count > MAX_SHOWN ? count - MAX_SHOWN : 0;

	if (count)
		(void)printf(first ? "%*slog of the hook, the last %zu lines:\n" : "%*slog of the hook:\n", MESSAGE, "",
			     count - first);
	for (size_t i = first; i < count; i++)
		print_indented(MESSAGE + 2, json_string_value(json_array_get(log, i)));
}

void hook_test_report_line(const json_t *result, const json_t *before)
{
	if (!before || strcmp(text_of(before, "file"), text_of(result, "file")) != 0)
		(void)printf("%s\n", text_of(result, "file"));
	(void)printf("  %-4s  %s\n", is_ok(result) ? "ok" : "FAIL", text_of(result, "case"));
	if (!is_ok(result)) {
		print_indented(MESSAGE, text_of(result, "message"));
		print_indented(MESSAGE, text_of(result, "action"));
		print_log(json_object_get(result, "log"));
	}
	(void)fflush(stdout); /* the next case may take a while */
}

void hook_test_report_end(const json_t *results, size_t left_out, double seconds)
{
	size_t all = json_array_size(results), failed = hook_test_report_failed(results);

	(void)printf("%zu passed, %zu failed", all - failed, failed);
	if (left_out)
		(void)printf(", %zu left out", left_out);
	(void)printf(" in %.2f s\n", seconds);
}

json_t *hook_test_report_json(const json_t *results, size_t left_out, double seconds)
{
	size_t all = json_array_size(results), failed = hook_test_report_failed(results);

	return json_pack("{s:i, s:b, s:I, s:I, s:I, s:I, s:O}", "schema", 1, "ok", failed == 0, "passed",
			 (json_int_t)(all - failed), "failed", (json_int_t)failed, "left_out", (json_int_t)left_out,
			 "duration_ms", (json_int_t)(seconds * 1000), "cases", results);
}

/* For text and attributes alike. XML 1.0 has no way at all to write U+FFFE and U+FFFF (section 2.2); the other
 * characters it lacks are no longer in the texts. */
static int add_escaped(struct str *out, const char *text)
{
	static const struct {
		const char *raw, *xml;
	} signs[] = { { "&", "&amp;" },
		      { "<", "&lt;" },
		      { ">", "&gt;" },
		      { "\"", "&quot;" },
		      { "\n", "&#10;" },
		      { "\t", "&#9;" },
		      { "\xef\xbf\xbe", "\\ufffe" },
		      { "\xef\xbf\xbf", "\\uffff" } };
	int r = 0;

	while (r == 0 && *text) {
		size_t i = 0;

		while (i < ARRAY_LEN(signs) && !str_starts(text, signs[i].raw))
			i++;
		r = i < ARRAY_LEN(signs) ? str_add(out, signs[i].xml) : str_append(out, text, 1);
		text += i < ARRAY_LEN(signs) ? strlen(signs[i].raw) : 1;
	}
	return r;
}

static int add_attribute(struct str *out, const char *name, const char *value)
{
	return str_printf(out, " %s=\"", name) < 0 || add_escaped(out, value) < 0 || str_add(out, "\"") < 0 ? -1 : 0;
}

static int add_log(struct str *out, const json_t *log)
{
	size_t i;
	json_t *line;
	int r = json_array_size(log) ? str_add(out, "      <system-out>") : 1;

	if (r)
		return r < 0 ? -1 : 0;
	json_array_foreach(log, i, line)
	{
		if (add_escaped(out, json_string_value(line)) < 0 || str_add(out, "&#10;") < 0)
			return -1;
	}
	return str_add(out, "</system-out>\n");
}

static int add_case(struct str *out, const json_t *result)
{
	if (str_add(out, "    <testcase") < 0 || add_attribute(out, "classname", text_of(result, "file")) < 0 ||
	    add_attribute(out, "name", text_of(result, "case")) < 0 ||
	    str_printf(out, " time=\"%.3f\"", seconds_of(result)) < 0)
		return -1;
	if (is_ok(result))
		return str_add(out, "/>\n");
	if (str_add(out, ">\n      <failure") < 0 || add_attribute(out, "message", text_of(result, "message")) < 0 ||
	    str_add(out, ">") < 0 || add_escaped(out, text_of(result, "trace")) < 0 || str_add(out, "</failure>\n") < 0)
		return -1;
	return add_log(out, json_object_get(result, "log")) < 0 ? -1 : str_add(out, "    </testcase>\n");
}

/* The results from FIRST that are of one file. Returns how many, -1: OUT is full. */
static int add_suite(struct str *out, const json_t *results, size_t first)
{
	const char *file = text_of(json_array_get(results, first), "file");
	size_t end = first, failed = 0;
	double seconds = 0;

	for (; end < json_array_size(results) && !strcmp(file, text_of(json_array_get(results, end), "file")); end++) {
		failed += !is_ok(json_array_get(results, end));
		seconds += seconds_of(json_array_get(results, end));
	}
	if (str_add(out, "  <testsuite") < 0 || add_attribute(out, "name", file) < 0 ||
	    str_printf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"0\" time=\"%.3f\">\n", end - first,
		       failed, seconds) < 0)
		return -1;
	for (size_t i = first; i < end; i++)
		if (add_case(out, json_array_get(results, i)) < 0)
			return -1;
	return str_add(out, "  </testsuite>\n") < 0 ? -1 : (int)(end - first);
}

int hook_test_report_junit(const json_t *results, struct str *out, struct err *err)
{
	int r = str_printf(out,
			   "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"%zu\" failures=\"%zu\">\n",
			   json_array_size(results), hook_test_report_failed(results));

	for (size_t i = 0; r >= 0 && i < json_array_size(results); i += (size_t)r)
		r = add_suite(out, results, i);
	if (r >= 0)
		r = str_add(out, "</testsuites>\n");
	return r < 0 ? err_set(err, ERR_STATE, "the JUnit file would be larger than %zu bytes", out->max) : 0;
}
