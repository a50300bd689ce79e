/* script/lib_secret.c - slipway.secret: what a script does not want to be seen. */
#include "script/script_internal.h"
#include "script/script_libs.h"

#include <string.h>

const struct mask *script_mask(const struct script *s)
{
	return &s->mask;
}

static void hide_line(lua_State *L, const char *line, size_t len)
{
	struct script *s = script_of(L);

	if (len > MASK_MAX)
		(void)script_misuse(L, "slipway.secret: text: lines of at most %d bytes expected, got %zu", MASK_MAX,
				    len);

	int added = mask_add(&s->mask, line, len);

	if (added < 0)
		(void)script_raise_kind(L, "failed", "slipway.secret: more than %d lines", MASK_MAX_COUNT);
	if (added > 0 && s->options.secret && s->options.secret(s->options.secret_context, line, len) < 0) {
		script_check_end(L);
		(void)script_raise_kind(L, "failed", "slipway.secret: the agent cannot be told");
	}
}

/* Messages name a URL without its user and password. What comes behind them is then no secret's text any more, so its
 * path is one by itself; the name of a host alone is none. */
static void hide_behind_user(lua_State *L, const char *line, size_t len)
{
	const char *end = line + len, *host = memmem(line, len, "://", 3), *at = NULL;

	for (const char *p = host ? host + 3 : end; p < end && !strchr("/?#", *p); p++)
		at = *p == '@' ? p : at;
	if (!at)
		return;
	for (host = at + 1; at < end && !strchr("/?#", *at); at++)
		;
	if (end - at > 1 && end - host >= MASK_MIN)
		hide_line(L, host, (size_t)(end - host));
}

/* Line by line, since that is how output is looked at. */
bool script_secret(lua_State *L, const char *text, size_t len)
{
	const char *end = text + len;
	bool any = false;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((newline ? newline : end) - text);

		if (n && text[n - 1] == '\r')
			n--;
		if (n >= MASK_MIN) {
			hide_line(L, text, n);
			hide_behind_user(L, text, n);
			any = true;
		}
		text = newline ? newline + 1 : end;
	}
	return any;
}

const char *script_hide(lua_State *L, int index, size_t *len)
{
	const struct mask *mask = &script_of(L)->mask;
	size_t n;
	const char *text = lua_tolstring(L, index, &n);

	if (!mask->count) {
		lua_pushvalue(L, index);
	} else {
		char *copy = lua_newuserdatauv(L, n + 1, 0);

		memcpy(copy, text, n);
		n = mask_hide(mask, copy, n);
		copy[n] = '\0';
		text = copy;
	}
	if (len)
		*len = n;
	return text;
}

static int l_secret(lua_State *L) /* secret(text) -> text */
{
	const char *text = script_argument_string(L, 1, "slipway.secret", "text", NULL);

	if (!script_secret(L, text, strlen(text)))
		return script_misuse(L, "slipway.secret: text: a line of at least %d bytes expected, got none",
				     MASK_MIN);
	lua_settop(L, 1);
	return 1;
}

static const luaL_Reg functions[] = { { "secret", l_secret }, { NULL, NULL } };

const struct script_lib lib_secret = { NULL, functions, NULL };
