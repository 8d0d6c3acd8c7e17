// SPDX-License-Identifier: Apache-2.0
// Reads BYTES of memory over and over with THREADS threads and prints the best rate in GB/s: the most that a decoder
// which streams weights of that size can reach. Build: cc -O3 -march=native -pthread bandwidth.c -o bandwidth

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct {
    const uint64_t *from;
    size_t count;
    uint64_t sum;
} part;

static void *read_part(void *argument) {
    part *p = argument;
    uint64_t a = 0, b = 0, c = 0, d = 0;
    size_t i = 0;
    for (; i + 16 <= p->count; i += 16) {
        const uint64_t *x = p->from + i;
        a += x[0] ^ x[1] ^ x[2] ^ x[3];
        b += x[4] ^ x[5] ^ x[6] ^ x[7];
        c += x[8] ^ x[9] ^ x[10] ^ x[11];
        d += x[12] ^ x[13] ^ x[14] ^ x[15];
    }
    for (; i < p->count; i++) a += p->from[i];
    p->sum = a + b + c + d;
    return NULL;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: bandwidth BYTES THREADS\n");
        return 2;
    }
    size_t words = strtoull(argv[1], NULL, 10) / 8;
    int threads = atoi(argv[2]);
    if (words < 1024 || threads < 1 || threads > 64) return 2;
    uint64_t *memory = malloc(words * 8);
    if (!memory) return 1;
    memset(memory, 1, words * 8);
    double best = 0;
    uint64_t check = 0;
    double end = now() + 1.5;
    while (now() < end) {
        pthread_t ids[64];
        part parts[64];
        double begin = now();
        for (int t = 0; t < threads; t++) {
            size_t from = words * (size_t)t / (size_t)threads, to = words * (size_t)(t + 1) / (size_t)threads;
            parts[t] = (part){memory + from, to - from, 0};
            if (t > 0) pthread_create(&ids[t], NULL, read_part, &parts[t]);
        }
        read_part(&parts[0]);
        for (int t = 1; t < threads; t++) pthread_join(ids[t], NULL);
        double rate = (double)words * 8 / (now() - begin) * 1e-9;
        if (rate > best) best = rate;
        for (int t = 0; t < threads; t++) check += parts[t].sum;
    }
    printf("%.2f %llu\n", best, (unsigned long long)check);
    return 0;
}
