/* appspec/ready_hook_texts.c - the files of hooks/ as part of the program. The Makefile tells when to read them again.
 */
#include "appspec/ready_hook.h"

#include "util/auto.h"
#include "util/embed.h"

#include <string.h>

#define EMBED(symbol, name) EMBED_FILE(hook_##symbol, "hooks/" name ".lua")

EMBED(haproxy_drain, "haproxy-drain");
EMBED(haproxy_ready, "haproxy-ready");
EMBED(http_check, "http-check");
EMBED(nginx_reload, "nginx-reload");
EMBED(run_migrations_once, "run-migrations-once");
EMBED(slot_switch, "slot-switch");
EMBED(symlink_release, "symlink-release");
EMBED(systemd_restart, "systemd-restart");
EMBED(tcp_check, "tcp-check");
EMBED(warm_up, "warm-up");
EMBED(webhook, "webhook");

#define HOOK(symbol, name)                                                                                             \
	{                                                                                                              \
		name, embedded_hook_##symbol, embedded_hook_##symbol##_end                                             \
	}

/* In the order of the alphabet, in which lists show them. */
static const struct {
	const char *name, *text, *end;
} hooks[] = {
	HOOK(haproxy_drain, "haproxy-drain"),
	HOOK(haproxy_ready, "haproxy-ready"),
	HOOK(http_check, "http-check"),
	HOOK(nginx_reload, "nginx-reload"),
	HOOK(run_migrations_once, "run-migrations-once"),
	HOOK(slot_switch, "slot-switch"),
	HOOK(symlink_release, "symlink-release"),
	HOOK(systemd_restart, "systemd-restart"),
	HOOK(tcp_check, "tcp-check"),
	HOOK(warm_up, "warm-up"),
	HOOK(webhook, "webhook"),
};

const char *ready_hook_name(size_t index)
{
	return index < ARRAY_LEN(hooks) ? hooks[index].name : NULL;
}

const char *ready_hook_text(const char *name, size_t *len)
{
	for (size_t i = 0; i < ARRAY_LEN(hooks); i++)
		if (!strcmp(hooks[i].name, name)) {
			*len = (size_t)(hooks[i].end - hooks[i].text);
			return hooks[i].text;
		}
	return NULL;
}
