/* cli/explain.c - one entry a code, and how a pasted message finds its own. */
#include "cli/explain.h"
#include "util/auto.h"
#include "util/str.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

static const struct explanation table[] = {
	{ "ScriptFailed",
	  "a hook's script ended with a status other than 0, or a Lua hook failed",
	  "The script of the named event ran and said no. Its last lines are in the report,\n"
	  "all of its output in the log. Events before it have been carried out; with\n"
	  "on_failure 'restore' the previous revision has been brought back.",
	  "slipway logs ID shows what it said. Correct the script or what it waits for, then\n"
	  "deploy again.",
	  { "failed with exit code", "was killed by signal", "failed with error Errno" } },
	{ "ScriptMissing",
	  "the appspec names a script that is not in the bundle",
	  "A 'location:' below 'hooks:' is looked for from the top of the bundle; capitals count.\n"
	  "Nothing of this event has run.",
	  "Put the script into the bundle or correct the name: slipway lint BUNDLE finds it before\n"
	  "a deployment does.",
	  { "Script does not exist" } },
	{ "ScriptNotExecutable",
	  "the script is there, but the system cannot run it",
	  "Its first line names an interpreter that is missing, it is not executable by the user\n"
	  "of 'runas:', or it is a program for another machine. A Windows line ending after '#!'\n"
	  "looks like a missing interpreter, too.",
	  "Begin the script with e.g. '#!/bin/sh', make it executable in the bundle (chmod +x) and\n"
	  "look at its line endings (file SCRIPT).",
	  { "as executable", "Exec format error", "bad interpreter" } },
	{ "ScriptTimedOut",
	  "a script ran longer than its 'timeout:'",
	  "It got TERM, five seconds later KILL, and so did what it had started.",
	  "slipway logs ID shows how far it came. Give the hook a longer 'timeout:' in the appspec,\n"
	  "or find out what it waits for. What shall go on running belongs into a service.",
	  { "failed to complete in" } },
	{ "OutputsLeftOpen",
	  "a script has ended, but something it started still holds its output",
	  "A background process that inherited the script's standard output or error keeps the\n"
	  "agent waiting. The report names it.",
	  "Start it detached: 'program >/dev/null 2>&1 </dev/null &', or as a systemd unit.\n"
	  "'outputs_left_open: warn' in slipway.yml lets such deployments go on.",
	  { "still holds its", "failed to close" } },
	{ "FailedAfterRestart",
	  "the agent or the machine went down while a script was running",
	  "Nobody knows how far the script came, so it counts as failed. The files are at the old\n"
	  "or the new revision, never in between.",
	  "Deploy again. Scripts that may be run twice make this harmless.",
	  { "was ended in the middle of this deployment" } },
	{ "FileExists",
	  "files that are not of this deployment group stand in the way",
	  "The bundle would replace files that no earlier revision of this group installed. Nothing\n"
	  "was changed. The report lists all of them.",
	  "Move them away, or say what to do with such files: --file-exists-behavior OVERWRITE or\n"
	  "RETAIN, or 'file_exists_behavior:' in the appspec.",
	  { "already exists at this location", "stand in the way" } },
	{ "AppSpecInvalid",
	  "the appspec cannot be used",
	  "It has a mistake at the line that is named, or asks for something that is not there: a\n"
	  "source, a user, a group. Nothing was changed.",
	  "slipway lint BUNDLE shows every mistake with its line and column.",
	  { "appspec.yml line", "AppSpec file" } },
	{ "BundleInvalid",
	  "the archive is damaged, over a limit or hostile",
	  "It ends too early, is no archive of a known kind, holds more than the limits allow, or\n"
	  "has entries that lead out of its folder. Nothing was changed.",
	  "Make and upload it again, and compare its digest (sha256sum). Limits are set below\n"
	  "'limits:' in slipway.yml.",
	  { "not an archive" } },
	{ "DigestMismatch",
	  "the bundle is not the one that was asked for",
	  "Its SHA-256 differs from that of --digest: another build, a damaged copy, or somebody\n"
	  "has changed it. Nothing was changed here.",
	  "Compare both digests with what the build has made; deploy the right file or give the\n"
	  "right digest.",
	  { "does not have the digest" } },
	{ "PlanChanged",
	  "the bundle or the host is not as it was when 'slipway plan' printed the id of --plan",
	  "The first half of the id stands for the bundle, the second for the host: what stands at\n"
	  "the destinations, the revision in place, the group, settings and options. Nothing was\n"
	  "changed and no hook was run. Exit status 5.",
	  "Run slipway plan again with the same options, look at it, and deploy with the id that it\n"
	  "prints.",
	  { "has changed since plan p-" } },
	{ "DeniedByPolicy",
	  "the policy of this host does not allow the deployment",
	  "Its owner's script (/etc/slipway/policy.lua, or 'policy:' in slipway.yml) was asked and\n"
	  "said no, or could not be asked: then nothing is allowed. Nothing was changed and no hook\n"
	  "was run. Exit status 5.",
	  "The message has the reason and the line of the script. slipway check-config tells what is\n"
	  "wrong with the script itself.",
	  { "this host's policy does not allow it", "this host's policy could not be asked" } },
	{ "SignatureInvalid",
	  "the bundle has no signature of a trusted key",
	  "It is not signed, was changed after it was signed, or was signed with a key that is not\n"
	  "in /etc/slipway/trusted.d. Nothing was changed here.",
	  "Sign it with a trusted key, or put the public key into /etc/slipway/trusted.d.",
	  { NULL } },
	{ "SourceUnavailable",
	  "the revision could not be fetched",
	  "It is not there, may not be read, or the network did not carry it. Nothing was changed.",
	  "Look at the place and the rights that the message names, then deploy again.",
	  { NULL } },
	{ "DiskFull",
	  "no space, no inodes or no quota left on a file system",
	  "Space is looked for before anything is touched, so the previous revision is in place\n"
	  "unless the report says otherwise.",
	  "df -h and df -i show which file system it is. slipway prune removes old revisions;\n"
	  "'max_revisions:' in slipway.yml says how many are kept.",
	  { "No space left on device", "Disk quota exceeded" } },
	{ "Stopped",
	  "somebody has stopped the deployment, or a newer one took its place",
	  "Stopped before its files were put in place, everything was discarded; after that it was\n"
	  "handled like a failed one. A queued deployment ends like this when a newer one of its\n"
	  "group is asked for.",
	  "slipway show ID says what runs now and, for a queued one, which deployment came instead.",
	  { "superseded by", "asked to stop", "was stopped" } },
	{ "NeedsRecovery",
	  "a deployment could be neither finished nor undone",
	  "Writing back failed: a full or broken disk, a file system that is read-only. The files of\n"
	  "the group may be between two revisions, so it takes no other deployment. The agent tries\n"
	  "again at every start.",
	  "slipway doctor and the system's log (dmesg) say what is wrong with the disk. Put it\n"
	  "right, then 'systemctl restart slipway', or deploy with 'slipway local'.",
	  { "needs recovery", "needs_recovery", "neither finished nor undone" } },
	{ "Busy",
	  "another deployment of the same group is running, or the daemon is stopping",
	  "One deployment runs at a time in a group, whoever started it. Exit status 5.",
	  "slipway status shows it, slipway wait ID waits for it, slipway stop ID stops it.",
	  { "is busy", "is stopping and takes no new work", "uses the state folder" } },
	{ "NotAllowed",
	  "this user may not ask the daemon for that",
	  "Who may see and who may deploy is said by 'access:' in slipway.yml. Deploying is as good\n"
	  "as being root, since hooks run as root. Exit status 5.",
	  "As root, add the user to the group that the message names (usermod -aG GROUP USER); it\n"
	  "counts after the next login.",
	  { "not allowed to" } },
	{ "NoDaemon",
	  "no daemon answers at the socket",
	  "It is not running, or listens elsewhere ('socket:' in slipway.yml, --root, --config).\n"
	  "Exit status 3.",
	  "systemctl start slipway, then journalctl -u slipway if it does not stay. 'slipway local'\n"
	  "deploys without it.",
	  { "no daemon answers", "the daemon went away" } },
	{ "TimedOut",
	  "waiting took longer than --timeout",
	  "Only the waiting has ended; the deployment goes on. Exit status 4.",
	  "slipway watch --latest comes back to it. --deadline bounds the deployment itself.",
	  { "timed out waiting", "has not answered within" } },
	{ "WrongUsage",
	  "the command line or the configuration is wrong",
	  "Nothing was done. Exit status 2.",
	  "slipway COMMAND --help tells its options, slipway check-config what is wrong in a\n"
	  "configuration file, with its line.",
	  { "is not a command", "unknown key" } },
	{ "UnknownError",
	  "something failed that has no code of its own",
	  "A system call, the configuration or the agent's own state: the message is the\n"
	  "explanation, its last part the cause.",
	  "slipway doctor looks at the usual suspects; journalctl -u slipway has more.",
	  { NULL } },
	{ "Success", "the event, or the deployment, went well", "Exit status 0.", "Nothing is to be done.", { NULL } },
};

const struct explanation *explanations(size_t *count)
{
	*count = ARRAY_LEN(table);
	return table;
}

static bool in_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Is NAME a word of TEXT? */
static bool has_word(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = text; (p = strstr(p, name)); p += len)
		if ((p == text || !in_word(p[-1])) && !in_word(p[len]))
			return true;
	return false;
}

static bool has_phrase(const char *text, const struct explanation *e)
{
	for (size_t i = 0; i < ARRAY_LEN(e->phrases) && e->phrases[i]; i++)
		if (strcasestr(text, e->phrases[i]))
			return true;
	return false;
}

const struct explanation *explain_find(const char *text)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (!strcasecmp(text, table[i].name))
			return &table[i];
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (strcmp(table[i].name, "UnknownError") && has_word(text, table[i].name))
			return &table[i];
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (has_phrase(text, &table[i]))
			return &table[i];
	return has_word(text, "UnknownError") ? explain_find("UnknownError") : NULL;
}
