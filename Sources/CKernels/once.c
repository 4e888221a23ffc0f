// Lazily made globals that survive fork. The Swift runtime's swift_once remembers the thread that makes a global by its
// number: in a child forked meanwhile nobody ends what that thread of the parent began, and whoever asks for the global
// waits for ever. Here a fork waits until no other thread makes a global, because what making one calls (metadata of
// types, OpenBLAS's start) has locks of its own that nobody frees in the child; and the lock knows its process.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <time.h>

#include "CKernels.h"

// As the runtime and the compiler lay it out (include/swift/Threading/Impl/Linux.h): below 0 once it is made.
struct once {
  int32_t flag;
  struct lmk_lock lock;
};

enum { longest_wait_milliseconds = 2000 };

static int making = 0;   // threads that make a global, or wait for one
static int forking = 0;  // threads that are about to fork
// Of this thread: globals that it is making, each for the one before; whether it is about to fork.
static _Thread_local int depth = 0;
static _Thread_local int forks = 0;

static void sleep_a_moment(void) { nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL); }

static void begin_making(void) {
  if (depth++ > 0) return;
  for (;;) {
    __atomic_fetch_add(&making, 1, __ATOMIC_SEQ_CST);
    if (forks || __atomic_load_n(&forking, __ATOMIC_SEQ_CST) == 0) return;
    __atomic_fetch_sub(&making, 1, __ATOMIC_SEQ_CST);
    sleep_a_moment();
  }
}

static void end_making(void) {
  if (--depth == 0) __atomic_fetch_sub(&making, 1, __ATOMIC_SEQ_CST);
}

// Not for ever: a global may need a lock that another fork handler has taken before.
static void wait_for_makers(void) {
  forks = 1;
  __atomic_fetch_add(&forking, 1, __ATOMIC_SEQ_CST);
  int own = depth > 0;
  for (int i = 0; i < longest_wait_milliseconds && __atomic_load_n(&making, __ATOMIC_SEQ_CST) > own; i++) sleep_a_moment();
}

static void go_on_in_parent(void) {
  __atomic_fetch_sub(&forking, 1, __ATOMIC_SEQ_CST);
  forks = 0;
}

static void go_on_in_child(void) {
  making = depth > 0;
  forking = 0;
  forks = 0;
}

__attribute__((constructor)) static void watch_forks(void) {
  pthread_atfork(wait_for_makers, go_on_in_parent, go_on_in_child);
}

void swift_once(struct once *once, void (*make)(void *), void *context);

// Weak: linked with the static runtime it is found first and the runtime's own is left out.
__attribute__((weak)) void swift_once(struct once *once, void (*make)(void *), void *context) {
  if (__atomic_load_n(&once->flag, __ATOMIC_ACQUIRE) < 0) return;
  // Before the lock: who has it must not be held up while others, whom a fork waits for, wait for it.
  begin_making();
  lmk_lock(&once->lock);
  if (__atomic_load_n(&once->flag, __ATOMIC_RELAXED) == 0) {
    make(context);
    __atomic_store_n(&once->flag, -1, __ATOMIC_RELEASE);
  }
  lmk_unlock(&once->lock);
  end_making();
}
