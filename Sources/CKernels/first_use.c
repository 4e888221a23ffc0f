// What is made at its first use survives fork: lazily made globals, the Swift runtime's metadata of types, OpenBLAS's
// start. Each is made under a lock by one thread, and the Swift runtime expects that thread to end what it began; in a
// child forked meanwhile there is no such thread, and whoever asks for the same thing waits for ever.
//
// A fork therefore waits until no other thread makes a global or holds a mutex of this library, and holds up those that
// are about to. The shared libraries are linked with --wrap for these functions (Package.swift); elsewhere they are
// unused.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "CKernels.h"

enum { pause_nanoseconds = 50000, longest_wait = 40000 };  // pauses: two seconds

static int inside = 0;   // threads that must not be interrupted by a fork
static int forking = 0;  // threads that are about to fork
// Of this thread: mutexes held and globals being made; whether it is about to fork.
static _Thread_local int depth = 0;
static _Thread_local bool forks = false;

static void pause_briefly(void) { nanosleep(&(struct timespec){.tv_nsec = pause_nanoseconds}, NULL); }

static bool must_wait(void) { return !forks && __atomic_load_n(&forking, __ATOMIC_SEQ_CST) > 0; }

// Neither wait is for ever: another fork handler may hold what the other side needs.
static void enter(void) {
  if (depth++ > 0) return;
  __atomic_fetch_add(&inside, 1, __ATOMIC_SEQ_CST);
  for (int i = 0; i < 2 * longest_wait && must_wait(); i++) {
    __atomic_fetch_sub(&inside, 1, __ATOMIC_SEQ_CST);
    pause_briefly();
    __atomic_fetch_add(&inside, 1, __ATOMIC_SEQ_CST);
  }
}

static void leave(void) {
  if (--depth == 0) __atomic_fetch_sub(&inside, 1, __ATOMIC_SEQ_CST);
}

static void wait_for_others(void) {
  forks = true;
  __atomic_fetch_add(&forking, 1, __ATOMIC_SEQ_CST);
  int own = depth > 0;
  for (int i = 0; i < longest_wait && __atomic_load_n(&inside, __ATOMIC_SEQ_CST) > own; i++) pause_briefly();
}

static void go_on_in_parent(void) {
  __atomic_fetch_sub(&forking, 1, __ATOMIC_SEQ_CST);
  forks = false;
}

static void go_on_in_child(void) {
  inside = depth > 0;
  forking = 0;
  forks = false;
}

__attribute__((constructor)) static void watch_forks(void) {
  pthread_atfork(wait_for_others, go_on_in_parent, go_on_in_child);
}

// ---- Globals -------------------------------------------------------------------------------------------------------

// As the Swift runtime and its compiler lay it out (include/swift/Threading/Impl/Linux.h): below 0 once it is made.
struct once {
  int32_t flag;
  struct lmk_lock lock;
};

// swift::threading_impl::once_slow: all lazily made globals, those of the runtime, too. Its own names the thread that
// makes one by its number; this lock knows its process, and a child makes the global again.
void __wrap_once_slow(struct once *once, void (*make)(void *), void *context)
    __asm__("__wrap__ZN5swift14threading_impl9once_slowERNS0_6once_tEPFvPvES3_");

void __wrap_once_slow(struct once *once, void (*make)(void *), void *context) {
  // Before the lock: who has it must not be held up while others, whom a fork waits for, wait for it.
  enter();
  lmk_lock(&once->lock);
  if (__atomic_load_n(&once->flag, __ATOMIC_ACQUIRE) == 0) {
    make(context);
    __atomic_store_n(&once->flag, -1, __ATOMIC_RELEASE);
  }
  lmk_unlock(&once->lock);
  leave();
}

// ---- Mutexes -------------------------------------------------------------------------------------------------------

#define WRAPPED(name, ...)                                \
  __attribute__((weak)) int __real_##name(__VA_ARGS__);   \
  int __wrap_##name(__VA_ARGS__);                         \
  int __wrap_##name(__VA_ARGS__)

WRAPPED(pthread_mutex_lock, pthread_mutex_t *mutex) {
  enter();
  int status = __real_pthread_mutex_lock(mutex);
  if (status != 0) leave();
  return status;
}

WRAPPED(pthread_mutex_trylock, pthread_mutex_t *mutex) {
  enter();
  int status = __real_pthread_mutex_trylock(mutex);
  if (status != 0) leave();
  return status;
}

WRAPPED(pthread_mutex_unlock, pthread_mutex_t *mutex) {
  int status = __real_pthread_mutex_unlock(mutex);
  if (status == 0) leave();
  return status;
}

// Who waits for a condition holds no mutex; afterwards it does, and must not be held up with it.
static void resume(void) {
  if (depth++ == 0) __atomic_fetch_add(&inside, 1, __ATOMIC_SEQ_CST);
}

WRAPPED(pthread_cond_wait, pthread_cond_t *condition, pthread_mutex_t *mutex) {
  leave();
  int status = __real_pthread_cond_wait(condition, mutex);
  resume();
  return status;
}

WRAPPED(pthread_cond_timedwait, pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *end) {
  leave();
  int status = __real_pthread_cond_timedwait(condition, mutex, end);
  resume();
  return status;
}
