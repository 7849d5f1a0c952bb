/*
 * A wall clock that jumps a year ahead and back with every look, for LD_PRELOAD. The monotonic clock stays.
 */

#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long jump(void)
{
	static long looks;
	return __atomic_add_fetch(&looks, 1, __ATOMIC_RELAXED) % 2 ? 365 * 86400L : -365 * 86400L;
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
	int result = (int)syscall(SYS_clock_gettime, clock, time);
	if (result == 0 && clock == CLOCK_REALTIME)
		time->tv_sec += jump();
	return result;
}

int gettimeofday(struct timeval *time, void *zone)
{
	int result = (int)syscall(SYS_gettimeofday, time, zone);
	if (result == 0)
		time->tv_sec += jump();
	return result;
}

time_t time(time_t *out)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	if (out != NULL)
		*out = now.tv_sec;
	return now.tv_sec;
}
