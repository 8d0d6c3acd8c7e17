// SPDX-License-Identifier: Apache-2.0
// What a pool of threads needs of the system.
#ifndef TPR_THREADS_H
#define TPR_THREADS_H

#include <stdint.h>

/// Names the calling thread (up to 15 bytes), as top and debuggers show it.
void tpr_name_thread(const char *name);

/// Processors that the calling thread may run on, at least one.
int tpr_usable_processors(void);

/// Tells the processor that this is a spin loop.
static inline void tpr_spin_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield" ::: "memory");
#endif
}

/// Where threads sleep until a condition holds (an event count). All zeros is a gate without waiters.
///
/// A waiter enters, looks whether the condition holds, and if not, waits with the ticket it got; then it leaves. Who makes
/// the condition hold opens the gate afterwards: either the waiter has seen the condition, or it is woken.
typedef struct {
    uint32_t ticket;
    uint32_t waiters;
} tpr_gate;

/// Announces a waiter; sequentially consistent with what it then reads.
uint32_t tpr_gate_enter(tpr_gate *gate);
/// Sleeps until the gate has been opened since `ticket` was given; may return earlier.
void tpr_gate_wait(tpr_gate *gate, uint32_t ticket);
/// Takes back what tpr_gate_enter announced.
void tpr_gate_leave(tpr_gate *gate);
/// Wakes all waiters; costs a load where there are none.
void tpr_gate_open(tpr_gate *gate);

#endif
