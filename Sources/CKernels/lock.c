// Locks that survive fork. Only the forking thread exists in the child: a lock that another thread held would stay
// locked forever. The lock word names the owning process, so a child recognises its parent's lock and takes it over.
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "CKernels.h"

// Incremented in each forked child: a process and its ancestors have different numbers.
static uint32_t process = 1;

// The Swift runtime's cached thread id, which its own locks (for generic metadata and lazy globals) store as owner.
// After a fork the cache still holds the parent's id, and other threads of the child would wait for a thread of another
// process. The definition is weak: linked with the static runtime it is the runtime's own variable, else unused.
__attribute__((weak)) _Thread_local pid_t runtime_thread
    __asm__("_ZZN5swift14threading_impl5linux13ulock_get_tidEvE3tid");

static void enter_child(void) {
  __atomic_fetch_add(&process, 1, __ATOMIC_RELAXED);
  runtime_thread = 0;  // the runtime asks the system again
}

__attribute__((constructor)) static void watch_forks(void) { pthread_atfork(NULL, NULL, enter_child); }

uint32_t lmk_process_number(void) { return __atomic_load_n(&process, __ATOMIC_RELAXED); }

static int replace(struct lmk_lock *lock, uint32_t *word, uint32_t with) {
  return __atomic_compare_exchange_n(&lock->word, word, with, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

// The word is 0 while unlocked, else twice the owner's process number, plus 1 if other threads may be waiting.
int lmk_lock(struct lmk_lock *lock) {
  uint32_t mine = 2 * lmk_process_number(), word = 0;
  if (replace(lock, &word, mine)) return 1;
  for (;;) {
    if ((word & ~1u) != mine) {
      int is_whole = word == 0;
      if (replace(lock, &word, mine | 1)) return is_whole;
    } else if ((word & 1) || replace(lock, &word, mine | 1)) {
      syscall(SYS_futex, &lock->word, FUTEX_WAIT_PRIVATE, mine | 1, NULL, NULL, 0);
      word = __atomic_load_n(&lock->word, __ATOMIC_RELAXED);
    }
  }
}

void lmk_unlock(struct lmk_lock *lock) {
  if (__atomic_exchange_n(&lock->word, 0, __ATOMIC_RELEASE) & 1)
    syscall(SYS_futex, &lock->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
