/*
 * Between a library that rustc has instrumented for ThreadSanitizer and gcc's runtime of it. Rust's own std is not
 * instrumented; two of its habits have to be told, since every contended lock would be reported otherwise.
 */

#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* LLVM calls these; gcc's runtime has only the plain names, which it intercepts. */
void *__tsan_memcpy(void *to, const void *from, size_t n);
void *__tsan_memmove(void *to, const void *from, size_t n);
void *__tsan_memset(void *to, int byte, size_t n);
void *__tsan_memcpy(void *to, const void *from, size_t n) { return memcpy(to, from, n); }
void *__tsan_memmove(void *to, const void *from, size_t n) { return memmove(to, from, n); }
void *__tsan_memset(void *to, int byte, size_t n) { return memset(to, byte, n); }

void __tsan_acquire(void *address);
enum { ACQUIRE_RELEASE = 4 };

/*
 * A Mutex is { futex: u32, poisoned: u8, data }. Unlocking is inline and seen; waiting for the lock is inside std and
 * not, but whoever has got it then looks at `poisoned`: that is where the lock was acquired. A RwLock has another u32
 * before `poisoned`.
 */
uint8_t __tsan_atomic8_load(const volatile uint8_t *address, int order);
uint8_t __tsan_atomic8_load(const volatile uint8_t *address, int order)
{
	static uint8_t (*next)(const volatile uint8_t *, int);
	if (next == NULL)
		*(void **)&next = dlsym(RTLD_NEXT, "__tsan_atomic8_load");
	if ((uintptr_t)address % 4 == 0) {
		__tsan_acquire((char *)(uintptr_t)address - 4);
		__tsan_acquire((char *)(uintptr_t)address - 8);
	}
	return next(address, order);
}

/* The last owner of an Arc acquires by a fence, which ThreadSanitizer does not know; std built for it does as here. */
uint64_t __tsan_atomic64_fetch_sub(volatile uint64_t *address, uint64_t n, int order);
uint64_t __tsan_atomic64_fetch_sub(volatile uint64_t *address, uint64_t n, int order)
{
	static uint64_t (*next)(volatile uint64_t *, uint64_t, int);
	(void)order;
	if (next == NULL)
		*(void **)&next = dlsym(RTLD_NEXT, "__tsan_atomic64_fetch_sub");
	return next(address, n, ACQUIRE_RELEASE);
}
