/*
 * Conditions that programs with threads wait for, instead of sleeping and hoping.
 */

#ifndef WAIT_H
#define WAIT_H

#include "check.h"

#include <dirent.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static inline int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

static inline long own_thread(void) { return syscall(SYS_gettid); }

static inline void breathe(void)
{
	struct timespec ms = {0, 1000000};
	nanosleep(&ms, NULL);
}

/* The state that a `stat` of /proc tells: 'S' waits in the kernel, 'T' is stopped; 0 when there is none. */
static inline char state_in(const char *path)
{
	char stat[512];
	FILE *file = fopen(path, "r");
	if (file == NULL)
		return 0;
	size_t length = fread(stat, 1, sizeof stat - 1, file);
	fclose(file);
	stat[length] = '\0';
	const char *after_name = strrchr(stat, ')');
	return after_name != NULL && after_name[1] != '\0' ? after_name[2] : 0;
}

/* Whether this thread of ours waits in the kernel. */
static inline bool thread_sleeps(long thread)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/self/task/%ld/stat", thread);
	return state_in(path) == 'S';
}

/* Whether every thread of a process is stopped: the last one stops a moment after the signal was sent. */
static inline bool process_is_stopped(pid_t process)
{
	char folder[64], path[400];
	snprintf(folder, sizeof folder, "/proc/%ld/task", (long)process);
	DIR *dir = opendir(folder);
	CHECK(dir != NULL);
	bool stopped = true;
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		snprintf(path, sizeof path, "%s/%s/stat", folder, entry->d_name);
		stopped &= entry->d_name[0] == '.' || state_in(path) == 'T';
	}
	closedir(dir);
	return stopped;
}

/* Entries of a folder of /proc. */
static inline long count_entries(const char *folder)
{
	DIR *dir = opendir(folder);
	CHECK(dir != NULL);
	long count = 0;
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

/* A checker may have some of its own: then only those of the library count. */
static inline long own_threads(void)
{
#ifdef __SANITIZE_THREAD__
	DIR *dir = opendir("/proc/self/task");
	CHECK(dir != NULL);
	long count = 0;
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		char path[300], name[32] = "";
		snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
		FILE *file = entry->d_name[0] == '.' ? NULL : fopen(path, "r");
		count += file != NULL && fgets(name, sizeof name, file) != NULL && strcmp(name, "etcd_v2\n") == 0;
		if (file != NULL)
			fclose(file);
	}
	closedir(dir);
	return count;
#else
	return count_entries("/proc/self/task");
#endif
}

/* Without the one that looks. */
static inline long open_descriptors(void) { return count_entries("/proc/self/fd") - 1; }

/* A child that is content ends like this: what it cannot free, since its parent has it, is no leak to be looked for. */
static inline void end_of_a_child(void) { kill(getpid(), SIGKILL); }

static inline void check_child(pid_t child)
{
	int status;
	CHECK(waitpid(child, &status, 0) == child);
	CHECK_INT(WIFEXITED(status) ? WEXITSTATUS(status) : 0, 0);
	CHECK(WIFSIGNALED(status));
	CHECK_INT(WTERMSIG(status), SIGKILL);
}

#define WAIT_UNTIL(condition)                                  \
	do {                                                   \
		int64_t give_up = now_ms() + 120000;            \
		while (!(condition)) {                         \
			if (now_ms() > give_up) {              \
				CHECK(condition);              \
				break;                         \
			}                                      \
			breathe();                             \
		}                                              \
	} while (0)

#endif
