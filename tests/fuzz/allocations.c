/* Makes one allocation by our compiled modules fail, for faults.py: LD_PRELOAD it, then call fail_allocation.
 *
 * Those of NumPy and of the interpreter are left alone: some of them do not survive it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

static long left = -1;

/* The nth allocation from now on, counted from 0 and in whatever thread, fails; -1 for none. */
void fail_allocation(long nth) { __atomic_store_n(&left, nth, __ATOMIC_SEQ_CST); }

static int fails(const void *caller)
{
    Dl_info module;
    if (__atomic_load_n(&left, __ATOMIC_SEQ_CST) < 0) return 0;
    if (!dladdr(caller, &module) || !module.dli_fname || !strstr(module.dli_fname, "sklearn_heads")) return 0;
    if (__atomic_fetch_sub(&left, 1, __ATOMIC_SEQ_CST) != 0) return 0;
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size)
{
    static void *(*next)(size_t);
    if (!next) next = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
    return fails(__builtin_return_address(0)) ? NULL : next(size);
}

extern void *__libc_calloc(size_t, size_t); /* dlsym itself calls calloc */

void *calloc(size_t n, size_t size) { return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(n, size); }

void *realloc(void *old, size_t size)
{
    static void *(*next)(void *, size_t);
    if (!next) next = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
    return fails(__builtin_return_address(0)) ? NULL : next(old, size);
}
