/* Who is at the other end of a socket, and addresses of sockets that are far away. */
#include "control/peer.h"
#include "control/unix_address.h"
#include "scratch.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

static void the_kernel_says_who_calls(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	struct peer peer = { 0 };
	int pair[2];

	assert_int_equal(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	assert_int_equal(0, peer_of_socket(pair[0], &peer, &err));
	assert_int_equal(geteuid(), peer.uid);
	assert_int_equal(getpid(), peer.pid);
	assert_true(peer.gid_count >= 1);
	assert_int_equal(getegid(), peer.gids[0]);
	peer_done(&peer);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

static void what_is_no_socket_has_no_peer(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	struct peer peer;

	assert_int_equal(-1, peer_of_socket(-1, &peer, &err));
	assert_int_equal(ERR_SYS, err.kind);
}

static void a_login_comes_from_the_file_of_users(void **state)
{
	(void)state;
	AUTO_FREE char *root = peer_login(0);

	assert_string_equal("root", root);
	assert_null(peer_login((uid_t)-2));
}

static void a_socket_may_lie_deeper_than_an_address_is_long(void **state)
{
	(void)state;
	AUTO(scratch_removep) char *top = scratch_new();
	AUTO_FREE char *folder = xasprintf("%s/%0100d/%0100d", top, 1, 2);
	AUTO_FREE char *path = xasprintf("%s/slipway.sock", folder);
	struct err err = ERR_INIT;
	struct sockaddr_un address;
	AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	AUTO_FD int dir_fd = -1;

	assert_int_equal(-1, unix_address(path, &address, &dir_fd, &err)); /* its folder is not there */
	assert_int_equal(0, fs_make_path(folder, 0755, &err));
	assert_int_equal(0, unix_address(path, &address, &dir_fd, &err));
	assert_int_equal(0, bind(fd, (const struct sockaddr *)&address, sizeof(address)));
	assert_int_equal(0, access(path, F_OK));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kernel_says_who_calls),
		cmocka_unit_test(what_is_no_socket_has_no_peer),
		cmocka_unit_test(a_login_comes_from_the_file_of_users),
		cmocka_unit_test(a_socket_may_lie_deeper_than_an_address_is_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
