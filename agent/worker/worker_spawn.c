/* worker/worker_spawn.c - posix_spawn with everything that a daemon or a terminal may have set put right. */
#include "worker/worker_spawn.h"

#include "util/auto.h"
#include "util/str.h"
#include "worker/protocol.h"

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* A build folder holds both executables side by side. In a folder called bin a `worker` beside us is somebody else's
 * program (Debian has one), so there only the installed place counts. */
int worker_find(char **out, struct err *err)
{
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (n > 0) {
		exe[n] = '\0';

		const char *folder = dirname(exe);
		AUTO_FREE char *beside = xasprintf("%s/worker", folder);

		if (!str_ends(folder, "/bin") && !str_ends(folder, "/sbin") && access(beside, X_OK) == 0) {
			*out = TAKE_PTR(beside);
			return 0;
		}
	}
	if (access(SLIPWAY_LIBEXECDIR "/worker", X_OK) < 0)
		return err_set(err, ERR_UNREACHABLE,
			       "the worker is neither beside this program nor at '%s': install slipway again",
			       SLIPWAY_LIBEXECDIR "/worker");
	*out = xstrdup(SLIPWAY_LIBEXECDIR "/worker");
	return 0;
}

/* What the service manager tells a daemon is not for its children: a hook that inherits NOTIFY_SOCKET would speak in
 * the daemon's name. The list is the caller's, its strings are not. */
static char **environment(void)
{
	static const char *const ours[] = { "NOTIFY_SOCKET=", "WATCHDOG_PID=", "WATCHDOG_USEC=",
					    "LISTEN_PID=",    "LISTEN_FDS=",   "LISTEN_FDNAMES=" };
	size_t count = 0, kept = 0;

	while (environ[count])
		count++;

	char **list = xcalloc(count + 1, sizeof(*list));

	for (size_t i = 0; i < count; i++) {
		bool drop = false;

		for (size_t k = 0; k < ARRAY_LEN(ours); k++)
			drop |= str_starts(environ[i], ours[k]);
		if (!drop)
			list[kept++] = environ[i];
	}
	return list;
}

static int spawn(const char *path, const char *about, int sock, pid_t *pid, struct err *err)
{
	AUTO_FREE char *words = xstrdup(about);
	AUTO_FREE char **variables = environment();
	char *const argv[] = { "slipway-worker", words, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	if (posix_spawn_file_actions_init(&actions) || posix_spawnattr_init(&attributes))
		abort(); /* only out of memory */

	int r = posix_spawn_file_actions_adddup2(&actions, sock, WORKER_FD);

	r = r ? r : posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	r = r ? r : posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
	r = r ? r : posix_spawnattr_setsigmask(&attributes, &none);
	r = r ? r : posix_spawnattr_setsigdefault(&attributes, &all);
	r = r ? r
	      : posix_spawnattr_setflags(&attributes,
					 POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
	r = r ? r : posix_spawn(pid, path, &actions, &attributes, argv, variables);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	errno = r;
	return r ? err_sys(err, "starting the worker '%s'", path) : 0;
}

/* Without a pidfd nobody would notice its end: rather no worker at all. */
static int watch(pid_t pid, int *out, struct err *err)
{
	int fd = pidfd_open(pid, 0);

	if (fd < 0) {
		(void)err_sys(err, "watching the worker");
		(void)kill(pid, SIGKILL); /* not reaped yet, so the number is still its own */
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		return -1;
	}
	*out = fd;
	return 0;
}

int worker_spawn(const char *path, const char *about, struct worker_process *out, struct err *err)
{
	AUTO_FD int ours = -1;
	AUTO_FD int theirs = -1;
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, "making a socket for the worker");
	ours = pair[0];
	theirs = pair[1];
	if (theirs == WORKER_FD) { /* dup2 onto itself would leave it closed on exec */
		theirs = fcntl(theirs, F_DUPFD_CLOEXEC, WORKER_FD + 1);
		(void)close(WORKER_FD);
		if (theirs < 0)
			return err_sys(err, "making a socket for the worker");
	}
	if (spawn(path, about, theirs, &pid, err) < 0 || watch(pid, &out->pidfd, err) < 0)
		return -1;
	out->pid = pid;
	out->sock = TAKE_FD(ours);
	return 0;
}
