/*
 * A wall clock that shows a day before 1970, for LD_PRELOAD. The monotonic clock stays.
 */

#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *time)
{
	int result = (int)syscall(SYS_clock_gettime, clock, time);
	if (result == 0 && clock == CLOCK_REALTIME)
		time->tv_sec = -86400L;
	return result;
}

int gettimeofday(struct timeval *time, void *zone)
{
	int result = (int)syscall(SYS_gettimeofday, time, zone);
	if (result == 0)
		time->tv_sec = -86400L;
	return result;
}

time_t time(time_t *out)
{
	if (out != NULL)
		*out = -86400L;
	return -86400L;
}
