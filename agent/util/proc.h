/* util/proc.h - looking at processes by /proc, for what no system call tells. */
#pragma once

#include "util/str.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

int64_t proc_clock_ms(void); /* monotonic: for deadlines and durations */
/* The processor time that process PID has taken, 0: this one. -1: it cannot be told. */
int64_t proc_cpu_ms(pid_t pid);

/* Call FN for every process, with its folder in /proc, until it returns false. Processes that come and go meanwhile may
 * be missed. */
void proc_each(bool (*fn)(void *context, pid_t pid, int dir_fd), void *context);
/* When PID was started, in ticks since the boot; 0: there is no such process. With the boot it tells two processes of
 * one number apart. */
uint64_t proc_start_time(pid_t pid);
bool proc_boot_id(char out[40]); /* of this boot; false: it cannot be read */
/* Does the process group have a member that is no zombie? */
bool proc_group_lives(pid_t group);
struct proc_kin {
	pid_t parent, group;
	bool zombie;
};
/* Of the process in DIR_FD (proc_each()), or of PID. false: it is gone. */
bool proc_kin_of(int dir_fd, struct proc_kin *out);
bool proc_kin(pid_t pid, struct proc_kin *out);
/* The children of PID, a process of one thread, zombies too. -1: there are more than MAX, or they cannot be told. */
ssize_t proc_children(pid_t pid, pid_t *out, size_t max);
/* Of the process in DIR_FD (proc_each()): its group; 0: it is gone, or a zombie. */
pid_t proc_group_of(int dir_fd);
/* Was it executed with ITEM ("NAME=VALUE") in its environment? false, too, when we may not look. */
bool proc_has_variable(int dir_fd, const char *item);
/* The command line for people: printable, cut to what OUT takes; the short name when there is none. */
void proc_command(int dir_fd, struct str *out);
