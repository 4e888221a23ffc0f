// A thread pool for short parallel regions. After a region, workers spin for a moment, because the next one usually
// follows within microseconds; then they sleep on a futex.
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "CKernels.h"

enum { max_threads = 256, spin_nanoseconds = 70000, look_nanoseconds = 20000000 };

// The gate: bits 0–15 count the workers inside the region, bit 16 says that it is open, the rest is its number. All in
// one atomic word, so that no worker can enter a region while it is being closed.
enum { gate_inside = 0xFFFF, gate_open = 1 << 16, gate_number_shift = 17 };

static struct {
  _Atomic uint64_t gate;
  _Atomic uint32_t bell;  // the futex word; incremented by each region that starts while workers sleep
  _Atomic int sleepers;
  _Atomic long next;
  long count;
  int helpers;  // workers that may enter
  lmk_task task;
  void *context;
} region;

// Whether a thread's region runs. No mutex: a fork would wait for it (first_use.c), and regions may be long.
static _Atomic bool is_taken = false;
static _Atomic int chosen_threads = 0;                     // 0: as many as there are processors
static _Atomic int followed_threads = 0;                   // as many as there were when last looked; 0: not yet
static _Atomic int64_t last_look = 0;
static cpu_set_t followed_set;  // of the thread that looked; while the pool is taken
static pthread_t workers[max_threads];
static int running_workers = 0;
static _Thread_local bool inside_region = false;

static bool take_pool(void) { return !atomic_exchange_explicit(&is_taken, true, memory_order_acquire); }
static void give_pool_back(void) { atomic_store_explicit(&is_taken, false, memory_order_release); }

static void pause_briefly(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

static int64_t nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void run_tasks(void) {
  inside_region = true;
  for (;;) {
    long index = atomic_fetch_add_explicit(&region.next, 1, memory_order_relaxed);
    if (index >= region.count) break;
    region.task(region.context, index);
  }
  inside_region = false;
}

// Enters the region if it is open and its number is not `last`; returns the number of the region seen.
static uint64_t enter_and_work(uint64_t last) {
  uint64_t gate = atomic_load_explicit(&region.gate, memory_order_acquire);
  while ((gate & gate_open) && gate >> gate_number_shift != last) {
    if (atomic_compare_exchange_weak_explicit(
            &region.gate, &gate, gate + 1, memory_order_acquire, memory_order_acquire)) {
      // After the thread count was lowered there are more workers than this region wants: the surplus does nothing,
      // because callers provide scratch memory for no more than that.
      if ((int)(gate & gate_inside) < region.helpers) run_tasks();
      atomic_fetch_sub_explicit(&region.gate, 1, memory_order_release);
      return gate >> gate_number_shift;
    }
  }
  return last;
}

static bool work_waits(uint64_t last) {
  // Sequentially consistent, like the update of `sleepers`: either this load sees the new region, or its owner sees the
  // sleeper and wakes it.
  uint64_t gate = atomic_load(&region.gate);
  return (gate & gate_open) && gate >> gate_number_shift != last;
}

static void sleep_until_rung(uint64_t last) {
  uint32_t bell = atomic_load(&region.bell);
  atomic_fetch_add(&region.sleepers, 1);
  if (!work_waits(last)) syscall(SYS_futex, &region.bell, FUTEX_WAIT_PRIVATE, bell, NULL, NULL, 0);
  atomic_fetch_sub(&region.sleepers, 1);
}

static void *worker(void *unused) {
  (void)unused;
  uint64_t last = 0;
  int64_t idle_since = nanoseconds();
  for (;;) {
    uint64_t seen = enter_and_work(last);
    if (seen != last) {
      last = seen;
      idle_since = nanoseconds();
      continue;
    }
    for (int i = 0; i < 32; i++) pause_briefly();
    if (nanoseconds() - idle_since > spin_nanoseconds) {
      sleep_until_rung(last);
      idle_since = nanoseconds();
    }
  }
  return NULL;
}

// A forked child has none of its parent's threads; it starts its own workers at its first region.
static void forget_workers(void) {
  running_workers = 0;
  atomic_store(&region.gate, 0);
  atomic_store(&region.sleepers, 0);
  atomic_store(&is_taken, false);
}

__attribute__((constructor)) static void watch_forks(void) { pthread_atfork(NULL, NULL, forget_workers); }

static void start_workers(int wanted) {
  // Workers block all signals: Ctrl-C must reach a thread that can handle it.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  while (running_workers < wanted) {
    pthread_t *thread = &workers[running_workers];
    if (pthread_create(thread, NULL, worker, NULL) != 0) break;  // fewer threads compute the same result
    pthread_detach(*thread);
    running_workers++;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static int clamped(long count) { return count < 1 ? 1 : count > max_threads ? max_threads : (int)count; }

// How many processors the calling thread may run on, and which; none are named where the system does not say.
static int read_mask(cpu_set_t *set) {
  CPU_ZERO(set);
  long count = sched_getaffinity(0, sizeof *set, set) == 0 ? CPU_COUNT(set) : sysconf(_SC_NPROCESSORS_ONLN);
  return count < 1 ? 1 : (int)count;
}

int lmk_usable_processors(void) {
  cpu_set_t set;
  return read_mask(&set);
}

// Looks which processors the calling thread may run on, now and then; where that has changed, workers follow: a mask is
// each thread's own, and theirs is the one of the thread that started them. The pool is taken.
static void follow_mask(void) {
  cpu_set_t set;
  atomic_store_explicit(&last_look, nanoseconds(), memory_order_relaxed);
  atomic_store_explicit(&followed_threads, clamped(read_mask(&set)), memory_order_relaxed);
  if (CPU_COUNT(&set) == 0 || CPU_EQUAL(&set, &followed_set)) return;
  followed_set = set;
  for (int i = 0; i < running_workers; i++) pthread_setaffinity_np(workers[i], sizeof set, &set);
}

static bool is_time_to_look(void) {
  return nanoseconds() - atomic_load_explicit(&last_look, memory_order_relaxed) > look_nanoseconds;
}

int lmk_thread_count(void) {
  if (!inside_region && is_time_to_look() && take_pool()) {
    follow_mask();
    give_pool_back();
  }
  int chosen = atomic_load_explicit(&chosen_threads, memory_order_relaxed);
  if (chosen > 0) return chosen;
  int followed = atomic_load_explicit(&followed_threads, memory_order_relaxed);
  return followed > 0 ? followed : clamped(lmk_usable_processors());
}

void lmk_set_thread_count(int count) { atomic_store_explicit(&chosen_threads, clamped(count), memory_order_relaxed); }

static void run_alone(long count, lmk_task task, void *context) {
  for (long index = 0; index < count; index++) task(context, index);
}

void lmk_parallel(long count, lmk_task task, void *context) {
  int threads = lmk_thread_count();
  if (count <= 1 || threads == 1 || inside_region || !take_pool()) {
    run_alone(count, task, context);
    return;
  }
  if (running_workers < threads - 1) start_workers(threads - 1);
  region.task = task;
  region.context = context;
  region.count = count;
  region.helpers = threads - 1;
  atomic_store_explicit(&region.next, 0, memory_order_relaxed);
  uint64_t number = (atomic_load_explicit(&region.gate, memory_order_relaxed) >> gate_number_shift) + 1;
  atomic_store(&region.gate, number << gate_number_shift | gate_open);
  if (atomic_load(&region.sleepers) > 0) {
    atomic_fetch_add(&region.bell, 1);
    syscall(SYS_futex, &region.bell, FUTEX_WAKE_PRIVATE, threads - 1, NULL, NULL, 0);
  }
  run_tasks();
  atomic_fetch_and(&region.gate, ~(uint64_t)gate_open);
  while (atomic_load_explicit(&region.gate, memory_order_acquire) & gate_inside) pause_briefly();
  give_pool_back();
}
