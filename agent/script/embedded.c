/* script/embedded.c - the files of lua/slipway/ as part of the program: a hook that uses them opens no file for it, and
 * they are there in a build folder, too. The Makefile tells when to read them in again. */
#include "script/script_internal.h"

#include "util/auto.h"
#include "util/embed.h"

#include <string.h>

#define EMBED(symbol, file) EMBED_FILE(symbol, "lua/slipway/" file)

EMBED(fs_template, "fs/template.lua");
EMBED(haproxy_open, "haproxy/open.lua");
EMBED(http_wait, "http/wait.lua");
EMBED(internal_check, "internal/check.lua");
EMBED(internal_errors, "internal/errors.lua");
EMBED(internal_haproxy, "internal/haproxy.lua");
EMBED(internal_nginx, "internal/nginx.lua");
EMBED(internal_url, "internal/url.lua");
EMBED(nginx_include, "nginx/include.lua");
EMBED(nginx_reload, "nginx/reload.lua");
EMBED(nginx_test, "nginx/test.lua");
EMBED(notify, "notify.lua");
EMBED(retry, "retry.lua");
EMBED(socket_wait, "socket/wait.lua");
EMBED(systemd_wait_active, "systemd/wait_active.lua");
EMBED(wait_for, "wait_for.lua");

static const struct {
	const char *name, *text, *end;
} files[] = {
	{ "fs.template", embedded_fs_template, embedded_fs_template_end },
	{ "haproxy.open", embedded_haproxy_open, embedded_haproxy_open_end },
	{ "http.wait", embedded_http_wait, embedded_http_wait_end },
	{ "internal.check", embedded_internal_check, embedded_internal_check_end },
	{ "internal.errors", embedded_internal_errors, embedded_internal_errors_end },
	{ "internal.haproxy", embedded_internal_haproxy, embedded_internal_haproxy_end },
	{ "internal.nginx", embedded_internal_nginx, embedded_internal_nginx_end },
	{ "internal.url", embedded_internal_url, embedded_internal_url_end },
	{ "nginx.include", embedded_nginx_include, embedded_nginx_include_end },
	{ "nginx.reload", embedded_nginx_reload, embedded_nginx_reload_end },
	{ "nginx.test", embedded_nginx_test, embedded_nginx_test_end },
	{ "notify", embedded_notify, embedded_notify_end },
	{ "retry", embedded_retry, embedded_retry_end },
	{ "socket.wait", embedded_socket_wait, embedded_socket_wait_end },
	{ "systemd.wait_active", embedded_systemd_wait_active, embedded_systemd_wait_active_end },
	{ "wait_for", embedded_wait_for, embedded_wait_for_end },
};

const char *script_embedded(const char *name, size_t *len)
{
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (!strcmp(files[i].name, name)) {
			*len = (size_t)(files[i].end - files[i].text);
			return files[i].text;
		}
	return NULL;
}

const char *script_embedded_name(size_t index)
{
	return index < ARRAY_LEN(files) ? files[index].name : NULL;
}
