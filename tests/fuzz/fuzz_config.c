/* fuzz_config.c - any bytes as slipway.yml, and as the codedeployagent.yml of another agent.
 *
 * What must hold besides no crash, leak or endless loop: a refusal is one of the configuration and says why, and what
 * was taken over is within the limits that config.h and deployment.h promise, whatever the file said.
 */
#include "config/config.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct config *c)
{
	assert(c->settings.deployment_root[0] == '/');
	assert(c->socket[0] == '/' && strlen(c->socket) < 108);
	assert(c->settings.max_revisions >= 1 && c->settings.max_entries >= 1);
	assert(c->history >= 1);
	assert(c->access_status && c->access_deploy);
	for (size_t i = 0; i < c->warning_count; i++)
		assert(*c->warnings[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("config", 0);
	char path[64];
	struct config c = { 0 };
	struct err err = ERR_INIT;

	assert(fd >= 0);
	assert(write(fd, data, size) == (ssize_t)size);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (config_load(&(struct config_place){ .file = path }, &c, &err) == 0)
		check(&c);
	else
		assert(err.kind == ERR_CONFIG && *err.msg);
	config_done(&c);

	err = (struct err)ERR_INIT;
	assert(config_load(&(struct config_place){ .file = "/dev/null" }, &c, &err) == 0);
	if (config_take_codedeployagent(&c, path, &err) == 0)
		check(&c);
	else
		assert(err.kind == ERR_CONFIG && *err.msg);
	config_done(&c);
	close(fd);
	return 0;
}
