/*
 * The host ends while threads wait inside the library.
 * Arguments: a server that never answers, one that accepts a watch and stays quiet.
 */

#include "wait.h"

#include <pthread.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { EXITS = 100, FINE = 7 };

static etcd_v2_client *mute, *quiet;
static long threads[2];

static void *blocked_get(void *argument)
{
	__atomic_store_n(&threads[0], own_thread(), __ATOMIC_SEQ_CST);
	etcd_v2_status status = etcd_v2_get(mute, "/a", 0, NULL, NULL);
	fprintf(stderr, "get came back: %s\n", etcd_v2_status_name(status));
	return argument;
}

static void *blocked_watch(void *argument)
{
	__atomic_store_n(&threads[1], own_thread(), __ATOMIC_SEQ_CST);
	etcd_v2_status status = etcd_v2_watch_once(quiet, "/a", 0, ETCD_V2_RECURSIVE, -1, NULL, NULL);
	fprintf(stderr, "watch came back: %s\n", etcd_v2_status_name(status));
	return argument;
}

/* Sockets of ours that have reached a server. */
static int connections(void)
{
	int count = 0;
	for (int fd = 3; fd < 256; fd++) {
		struct sockaddr_storage peer;
		socklen_t size = sizeof peer;
		count += getpeername(fd, (struct sockaddr *)&peer, &size) == 0;
	}
	return count;
}

/* Returns when both threads wait on sockets of their own. */
static int wait_inside(const char *mute_url, const char *quiet_url)
{
	pthread_t thread;
	mute = patient_client(mute_url);
	quiet = patient_client(quiet_url);
	CHECK(pthread_create(&thread, NULL, blocked_get, NULL) == 0);
	CHECK(pthread_create(&thread, NULL, blocked_watch, NULL) == 0);
	WAIT_UNTIL(connections() == 2);
	for (int t = 0; t < 2; t++)
		WAIT_UNTIL(threads[t] != 0 && thread_sleeps(threads[t]));
	return FINE;
}

int main(int count, char **arguments)
{
	CHECK(count == 3);
	for (int i = 0; i < EXITS; i++) {
		pid_t child = fork();
		CHECK(child >= 0);
		if (child == 0) {
			alarm(100);
			int status = wait_inside(arguments[1], arguments[2]);
			if (i % 2)
				exit(status);
			return status;
		}
		int status;
		CHECK(waitpid(child, &status, 0) == child);
		CHECK(WIFEXITED(status));
		CHECK_INT(WEXITSTATUS(status), FINE);
	}
	return check_done();
}
