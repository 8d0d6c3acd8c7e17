// SPDX-License-Identifier: Apache-2.0
#include "tpr_mapguard.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SLOT_COUNT = 1024 };

// A slot is free where start is 0, taken and not yet readable where start is 1.
static struct {
    _Atomic uintptr_t start;
    _Atomic size_t length;
    _Atomic int is_damaged;
} slots[SLOT_COUNT];

static uintptr_t page_size = 4096;
static struct sigaction previous;
static pthread_mutex_t install_lock = PTHREAD_MUTEX_INITIALIZER;
static int is_installed;

// Runs in signal context: atomics, mmap(2) and sigaction(2) only.
static void handle_bus_error(int signal, siginfo_t *info, void *context) {
    int saved_errno = errno;
    uintptr_t address = (uintptr_t)info->si_addr;
    for (int i = 0; info->si_code == BUS_ADRERR && i < SLOT_COUNT; i++) {
        uintptr_t start = atomic_load(&slots[i].start);
        size_t length = atomic_load(&slots[i].length);
        if (start <= 1 || address < start || address - start >= length) continue;
        // All pages from here to the end of the range are lost with this one.
        uintptr_t page = address & ~(page_size - 1);
        void *zeros = mmap((void *)page, start + length - page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
                           -1, 0);
        if (zeros == MAP_FAILED) break;
        atomic_store(&slots[i].is_damaged, 1);
        errno = saved_errno;
        return;
    }
    if (previous.sa_flags & SA_SIGINFO) {
        previous.sa_sigaction(signal, info, context);
    } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
        previous.sa_handler(signal);
    } else {
        // Returning repeats the access, which now ends the process; a signal that was sent is sent again.
        sigaction(SIGBUS, &previous, NULL);
        if (info->si_code <= 0) raise(SIGBUS);
    }
    errno = saved_errno;
}

int tpr_mapguard_install(void) {
    int result = 0;
    pthread_mutex_lock(&install_lock);
    if (!is_installed) {
        long size = sysconf(_SC_PAGESIZE);
        if (size > 0) page_size = (uintptr_t)size;
        struct sigaction action = {.sa_sigaction = handle_bus_error, .sa_flags = SA_SIGINFO | SA_ONSTACK};
        sigemptyset(&action.sa_mask);
        if (sigaction(SIGBUS, &action, &previous) == 0) {
            is_installed = 1;
        } else {
            result = errno;
        }
    }
    pthread_mutex_unlock(&install_lock);
    return result;
}

int tpr_mapguard_add(const void *start, size_t length) {
    for (int i = 0; i < SLOT_COUNT; i++) {
        uintptr_t free_slot = 0;
        if (!atomic_compare_exchange_strong(&slots[i].start, &free_slot, 1)) continue;
        atomic_store(&slots[i].length, length);
        atomic_store(&slots[i].is_damaged, 0);
        atomic_store(&slots[i].start, (uintptr_t)start);
        return i;
    }
    return -1;
}

void tpr_mapguard_remove(int slot) {
    if (slot >= 0 && slot < SLOT_COUNT) atomic_store(&slots[slot].start, 0);
}

int tpr_mapguard_is_damaged(int slot) {
    return slot >= 0 && slot < SLOT_COUNT && atomic_load(&slots[slot].is_damaged);
}
