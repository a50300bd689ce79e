/* util/err.c - error values that grow context on their way up. */
#include "util/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *code;
	int exit_status;
} kinds[ERR_KIND_COUNT] = {
	[ERR_NONE] = { "Success", 0 },
	[ERR_SYS] = { "UnknownError", 1 },
	[ERR_USAGE] = { "UnknownError", 2 },
	[ERR_CONFIG] = { "UnknownError", 2 },
	[ERR_APPSPEC] = { "AppSpecInvalid", 1 },
	[ERR_NOT_READY] = { "AppSpecInvalid", 1 },
	[ERR_BUNDLE] = { "BundleInvalid", 1 },
	[ERR_DIGEST] = { "DigestMismatch", 1 },
	[ERR_SIGNATURE] = { "SignatureInvalid", 1 },
	[ERR_SOURCE] = { "SourceUnavailable", 1 },
	[ERR_EXISTS] = { "FileExists", 1 },
	[ERR_NO_SPACE] = { "DiskFull", 1 },
	[ERR_BUSY] = { "UnknownError", 5 },
	[ERR_STATE] = { "UnknownError", 1 },
	[ERR_STOPPED] = { "Stopped", 1 },
	[ERR_UNREACHABLE] = { "UnknownError", 3 },
	[ERR_TIMED_OUT] = { "UnknownError", 4 },
	[ERR_SCRIPT_MISSING] = { "ScriptMissing", 1 },
	[ERR_SCRIPT_NOT_EXECUTABLE] = { "ScriptNotExecutable", 1 },
	[ERR_SCRIPT_TIMED_OUT] = { "ScriptTimedOut", 1 },
	[ERR_SCRIPT_FAILED] = { "ScriptFailed", 1 },
	[ERR_OUTPUTS_LEFT_OPEN] = { "OutputsLeftOpen", 1 },
	[ERR_INTERRUPTED] = { "FailedAfterRestart", 1 },
	[ERR_NEEDS_RECOVERY] = { "UnknownError", 5 },
	[ERR_DENIED] = { "UnknownError", 5 },
	[ERR_PLAN_CHANGED] = { "PlanChanged", 5 },
	[ERR_VETOED] = { "DeniedByPolicy", 5 },
};

static __attribute__((format(printf, 4, 0))) int set_va(struct err *e, enum err_kind kind, int sys, const char *fmt,
							va_list ap)
{
	e->kind = kind;
	e->sys = sys;
	(void)vsnprintf(e->msg, sizeof(e->msg), fmt, ap); /* a message that is too long is cut */
	return -1;
}

int err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set_va(e, kind, 0, fmt, ap);
	va_end(ap);
	return -1;
}

int err_sys(struct err *e, const char *fmt, ...)
{
	int sys = errno;
	const char *text = strerrordesc_np(sys);
	va_list ap;

	va_start(ap, fmt);
	set_va(e, sys == ENOSPC || sys == EDQUOT ? ERR_NO_SPACE : ERR_SYS, sys, fmt, ap);
	va_end(ap);

	size_t len = strlen(e->msg);
	size_t tail = strlen(text ? text : "unknown error") + 2;

	if (len + tail >= sizeof(e->msg))
		len = sizeof(e->msg) - tail - 1; /* the cause counts more than the end of the context */
	(void)snprintf(e->msg + len, sizeof(e->msg) - len, ": %s", text ? text : "unknown error");
	return -1;
}

int err_add(struct err *e, const char *fmt, ...)
{
	char context[sizeof(e->msg)];
	size_t room = sizeof(e->msg) - 1;
	size_t cause = strlen(e->msg);
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(context, sizeof(context), fmt, ap);
	va_end(ap);
	if (n < 0)
		return -1;

	size_t len = strlen(context);

	if (cause + 2 >= room)
		return -1; /* no room for context: the cause stays whole */
	if (len > room - cause - 2)
		len = room - cause - 2;
	memmove(e->msg + len + 2, e->msg, cause + 1);
	memcpy(e->msg, context, len);
	memcpy(e->msg + len, ": ", 2);
	return -1;
}

const char *err_code(enum err_kind kind)
{
	return kinds[kind].code;
}

enum err_kind err_kind_of_code(const char *code)
{
	for (int k = ERR_APPSPEC; k < ERR_KIND_COUNT; k++)
		if (!strcmp(kinds[k].code, code) && strcmp(code, kinds[ERR_SYS].code))
			return (enum err_kind)k; /* a code of its own, not the one that several kinds share */
	return strcmp(code, kinds[ERR_NONE].code) ? ERR_SYS : ERR_NONE;
}

int err_exit_status(enum err_kind kind)
{
	return kinds[kind].exit_status;
}

bool err_is_refusal(enum err_kind kind)
{
	return kind == ERR_BUSY || kind == ERR_PLAN_CHANGED || kind == ERR_VETOED;
}
