/* lifecycle/hook_command.h - the words that start a script: itself, or su and sudo in front of it. Pure.
 *
 *	runas	sudo	direct, the agent is root	direct, it is not	su
 *	no	no	PATH				PATH			PATH
 *	no	yes	PATH				sudo PATH		sudo PATH
 *	yes	no	PATH, as USER			PATH, if it is USER	su USER -c PATH
 *	yes	yes	PATH, as USER			sudo -u USER PATH	sudo su USER -c PATH
 *
 * The last column is the reference's. No shell of ours reads it; the one that su starts reads PATH, which is quoted
 * where it must be. In place of -c stands --session-command: after -c, su puts the script into a session of its own,
 * out of reach of what ends a hook by its process group, as the recovery after a crash does. There is no terminal from
 * which the new session would protect. sudo always comes with -n: nobody is there to type a password.
 * Source: spec/codedeploy-agent.md 8.3, 11.2 Q20; su(1) of util-linux.
 */
#pragma once

#include "appspec/appspec.h"
#include "model/deployment.h"

#include <stdbool.h>

#define HOOK_WORDS_MAX 10

struct hook_command {
	const char *words[HOOK_WORDS_MAX + 1]; /* NULL-terminated; borrowed from the script, the path and below */
	char *quoted;			       /* the path for the shell of su; NULL: not needed */
	bool change_user;		       /* to be done by us before the words are executed */
};

/* How SCRIPT, which lies at PATH, is started by an agent that is (IS_ROOT) or is not root. OUT is the caller's:
 * hook_command_done(). When words[0] is not PATH, it is the name of a program. */
void hook_command(const struct appspec_script *script, const char *path, enum runas_method method, bool is_root,
		  struct hook_command *out);
void hook_command_done(struct hook_command *c);
/* TEXT as one word for a shell: as it is when it holds nothing that means something to one. The caller frees it. */
char *hook_quote(const char *text);
/* The file of program NAME that PATHS ("/usr/bin:/bin"; NULL: none) leads to, or /usr/bin/NAME. The caller frees it. */
char *hook_program(const char *name, const char *paths);
