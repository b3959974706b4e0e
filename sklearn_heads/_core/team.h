/* A team: threads that share one job after another, each cut into parts.
 *
 * The leader offers a job of so many parts.  Everybody, the leader included, takes parts one at a time until none is left, and the
 * leader goes on when all are done.  Which thread does a part is chance, so nothing may depend on it.
 *
 * One word, the ticket, holds all that changes: the number of the job (upper half), its parts, and how many of them were taken.
 * Adding one takes a part, and tells of which job.  A job lasts until its last part is done, so what a part reads, the leader's
 * arguments, stays as it is until then; and a ticket of a job whose parts were all taken is never added to.
 *
 * Jobs follow each other within microseconds.  So a thread that waits looks at the ticket for some ten microseconds, and then
 * sleeps until it is woken: nobody spins beside other work for long.  Who is about to sleep says so before it looks for the last
 * time, and who brings news looks for sleepers after: one of the two sees the other.
 *
 * Threads come from Python (epochs.pyx); here is only how they wait for each other.  Where the compiler is neither gcc nor clang,
 * there are no helpers.
 */
#ifndef SKLEARN_HEADS_TEAM_H
#define SKLEARN_HEADS_TEAM_H
#include <stdint.h>

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
typedef SRWLOCK Mutex;
typedef CONDITION_VARIABLE Condition;
#define LOCK(team) AcquireSRWLockExclusive(&(team)->mutex)
#define UNLOCK(team) ReleaseSRWLockExclusive(&(team)->mutex)
#define SLEEP(team) SleepConditionVariableSRW(&(team)->news, &(team)->mutex, INFINITE, 0)
#define WAKE(team) WakeAllConditionVariable(&(team)->news)
#else
#include <pthread.h>
typedef pthread_mutex_t Mutex;
typedef pthread_cond_t Condition;
#define LOCK(team) pthread_mutex_lock(&(team)->mutex)
#define UNLOCK(team) pthread_mutex_unlock(&(team)->mutex)
#define SLEEP(team) pthread_cond_wait(&(team)->news, &(team)->mutex)
#define WAKE(team) pthread_cond_broadcast(&(team)->news)
#endif

#if defined(__GNUC__) || defined(__clang__)
#define TEAM_HELPERS 1
#define READ(x) __atomic_load_n(x, __ATOMIC_SEQ_CST)
#define WRITE(x, value) __atomic_store_n(x, value, __ATOMIC_SEQ_CST)
#define ADD(x, value) __atomic_fetch_add(x, value, __ATOMIC_SEQ_CST)
#else
#define TEAM_HELPERS 0
#define READ(x) (*(x))
#define WRITE(x, value) (*(x) = (value))
#define ADD(x, value) ((*(x) += (value)) - (value))
#endif
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
#define REST() __builtin_ia32_pause()
#elif defined(__GNUC__) && defined(__aarch64__)
#define REST() __asm__ volatile("yield")
#else
#define REST() ((void)0)
#endif

enum { LOOKS = 2000 }; /* of a waiting thread, before it sleeps */

typedef struct {
    uint64_t ticket;   /* job << 32 | parts << 16 | taken */
    int32_t done;      /* parts of the job at hand */
    int32_t over;      /* no job will follow */
    int32_t asleep;    /* threads */
    Mutex mutex;
    Condition news;
} Team;

static inline uint32_t team_parts(uint64_t ticket) { return ticket >> 16 & 0xFFFF; }
static inline uint32_t team_taken(uint64_t ticket) { return ticket & 0xFFFF; }

static inline int team_begin(Team *team)
{
    team->ticket = 0;
    team->done = team->over = team->asleep = 0;
#if defined(_WIN32)
    InitializeSRWLock(&team->mutex);
    InitializeConditionVariable(&team->news);
    return 0;
#else
    if (pthread_mutex_init(&team->mutex, NULL)) return -1;
    if (pthread_cond_init(&team->news, NULL)) { pthread_mutex_destroy(&team->mutex); return -1; }
    return 0;
#endif
}

static inline void team_end(Team *team)
{
#if !defined(_WIN32)
    pthread_cond_destroy(&team->news);
    pthread_mutex_destroy(&team->mutex);
#endif
    (void)team;
}

static inline void team_wake(Team *team)
{
    if (!READ(&team->asleep)) return;
    LOCK(team);
    WAKE(team);
    UNLOCK(team);
}

/* The next part of the job at hand; -1 where all were taken. */
static inline int team_take(Team *team)
{
    uint64_t ticket = READ(&team->ticket);
    if (team_taken(ticket) >= team_parts(ticket)) return -1;
    ticket = ADD(&team->ticket, 1);
    return team_taken(ticket) < team_parts(ticket) ? (int)team_taken(ticket) : -1;
}

/* A part is done. */
static inline void team_finish(Team *team)
{
    ADD(&team->done, 1);
    team_wake(team);
}

/* The leader's: offer a job, at most 65,535 parts. */
static inline void team_offer(Team *team, int parts)
{
    const uint64_t job = (READ(&team->ticket) >> 32) + 1;
    WRITE(&team->done, 0);
    WRITE(&team->ticket, job << 32 | (uint64_t)parts << 16);
    team_wake(team);
}

/* The leader's, when no part is left to take: until all are done. */
static inline void team_wait(Team *team)
{
    const int32_t parts = (int32_t)team_parts(READ(&team->ticket));
    for (int looks = LOOKS; looks && READ(&team->done) < parts; --looks) REST();
    if (READ(&team->done) == parts) return;
    LOCK(team);
    ADD(&team->asleep, 1);
    while (READ(&team->done) < parts) SLEEP(team);
    ADD(&team->asleep, -1);
    UNLOCK(team);
}

/* A helper's: a part of this job or of the next; -1 when no job will follow. */
static inline int team_await(Team *team)
{
    for (;;) {
        const uint64_t job = READ(&team->ticket) >> 32;
        const int part = team_take(team);
        if (part >= 0) return part;
        for (int looks = LOOKS; looks && READ(&team->ticket) >> 32 == job && !READ(&team->over); --looks) REST();
        if (READ(&team->over)) return -1;
        if (READ(&team->ticket) >> 32 != job) continue;
        LOCK(team);
        ADD(&team->asleep, 1);
        while (READ(&team->ticket) >> 32 == job && !READ(&team->over)) SLEEP(team);
        ADD(&team->asleep, -1);
        UNLOCK(team);
    }
}

/* The leader's: send the helpers home. */
static inline void team_dismiss(Team *team)
{
    WRITE(&team->over, 1);
    team_wake(team);
}
#endif
