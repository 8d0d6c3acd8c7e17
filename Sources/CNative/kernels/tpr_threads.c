// SPDX-License-Identifier: Apache-2.0
#include "../include/tpr_threads.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

void tpr_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

int tpr_usable_processors(void) {
    cpu_set_t set;
    // The set is too small for machines of more than 1024 processors, where the call fails.
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) { return CPU_COUNT(&set); }
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int)online : 1;
}

uint32_t tpr_gate_enter(tpr_gate *gate) {
    __atomic_fetch_add(&gate->waiters, 1, __ATOMIC_SEQ_CST);
    uint32_t ticket = __atomic_load_n(&gate->ticket, __ATOMIC_SEQ_CST);
    // The condition is read next, by another language's atomics: nothing may pass.
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return ticket;
}

void tpr_gate_wait(tpr_gate *gate, uint32_t ticket) {
    // Returns at once if the ticket is an old one; a signal may end it early.
    syscall(SYS_futex, &gate->ticket, FUTEX_WAIT_PRIVATE, ticket, (void *)0, (void *)0, 0);
}

void tpr_gate_leave(tpr_gate *gate) { __atomic_fetch_sub(&gate->waiters, 1, __ATOMIC_SEQ_CST); }

void tpr_gate_open(tpr_gate *gate) {
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (__atomic_load_n(&gate->waiters, __ATOMIC_SEQ_CST) == 0) { return; }
    __atomic_fetch_add(&gate->ticket, 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, &gate->ticket, FUTEX_WAKE_PRIVATE, INT_MAX, (void *)0, (void *)0, 0);
}
