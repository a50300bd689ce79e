/* cli/doctor_system.c - the machine around us: its clock, su and sudo. */
#include "cli/doctor.h"
#include "util/auto.h"
#include "util/str.h"

#include <sys/timex.h>

#define EARLIEST INT64_C(1767225600) /* 2026-01-01: no slipway is older */

static void check_clock(struct doctor *d)
{
	static const char cure[] = "timedatectl set-ntp true";
	struct timex t = { 0 };
	int state = adjtimex(&t); /* with modes 0 it only reads */
	char now[HUMAN_MAX];

	human_time(human_now_ms(), now);
	if (human_now_ms() / 1000 < EARLIEST)
		doctor_say(d, DOCTOR_ERROR, "clock", cure, "it says %s, which is before slipway was made", now);
	else if (state == TIME_ERROR)
		doctor_say(d, DOCTOR_WARNING, "clock", cure, "it says %s, but nothing keeps it right", now);
	else
		doctor_say(d, DOCTOR_OK, "clock", NULL, "%s%s", now, state < 0 ? "" : ", synchronised");
}

/* The path of a program of the system; the caller frees it. NULL: there is none. */
static char *find_program(const char *name)
{
	static const char *const folders[] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
					       "/usr/bin",	  "/sbin",	    "/bin" };

	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", folders[i], name);

		if (access(path, X_OK) == 0)
			return TAKE_PTR(path);
	}
	return NULL;
}

void doctor_system(struct doctor *d)
{
	AUTO_FREE char *su = find_program("su");
	AUTO_FREE char *sudo = find_program("sudo");

	check_clock(d);
	if (su)
		doctor_say(d, DOCTOR_OK, "su", NULL, "%s", su);
	else
		doctor_say(d, DOCTOR_WARNING, "su", "apt install util-linux",
			   "it is missing, and 'runas_method: su' needs it");
	doctor_say(d, DOCTOR_OK, "sudo", NULL, "%s",
		   sudo ? sudo
			: "not installed; scripts that call it need it, and 'sudo: true' with 'runas_method: su'");
}
