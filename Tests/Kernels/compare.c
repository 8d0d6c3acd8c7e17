// SPDX-License-Identifier: Apache-2.0
// Compares the linear maps of an instruction set with the reference, bit for bit, on random and adversarial input. For
// sets that the machine has not, so that the Swift tests cannot reach them: .ci/check-kernels builds and runs it under
// an emulator.
#include "../../Sources/CNative/kernels/tpr_formats.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef const tpr_ops *(*table)(void);
#define DECLARE(name) const tpr_ops *name(void);
#ifdef __aarch64__
DECLARE(tpr_ops_neon)
DECLARE(tpr_ops_neon_dot)
static const table tables[] = {tpr_ops_neon, tpr_ops_neon_dot};
#else
DECLARE(tpr_ops_best)
static const table tables[] = {tpr_ops_best};
#endif

/// Kinds of input: random numbers, all bytes of a block alike, subnormal numbers, infinities.
enum { RANDOM, ZEROS, ONES, TOP_BITS, LOW_BITS, SUBNORMAL, INFINITE, KINDS };

typedef struct {
    uint32_t type;
    size_t rows, outputs, columns;
    int kind;
} shape;

static uint64_t state = 42;

/// SplitMix64.
static uint64_t next(void) {
    state += 0x9e3779b97f4a7c15u;
    uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/// Between -1 and 1.
static float uniform(void) { return (float)(next() >> 40) * 0x1p-23f - 1; }

static float number(int kind) {
    if (kind == SUBNORMAL && next() % 2) { return tpr_float_of_bits((uint32_t)next() & 0x807fffff); }
    if (kind == INFINITE && next() % 50 == 0) { return next() % 2 ? INFINITY : -INFINITY; }
    return kind >= ZEROS && kind <= LOW_BITS ? 1 : 4 * uniform();
}

static uint16_t half(int kind) {
    if (kind == SUBNORMAL) { return (uint16_t)(next() & 0x83ff); }
    if (kind == INFINITE && next() % 5 == 0) { return 0x7c00; }
    return tpr_half_of_float(0.02f * uniform());
}

/// Where a block keeps its binary16 numbers; -1: nowhere.
static void half_places(uint32_t type, int places[2]) {
    places[0] = places[1] = -1;
    switch (type) {
    case TPR_Q4_1: case TPR_Q5_1: case TPR_Q4_K: case TPR_Q5_K: places[1] = 2; // fall through
    case TPR_Q4_0: case TPR_Q5_0: case TPR_Q8_0: places[0] = 0; break;
    case TPR_Q2_K: places[0] = 80; places[1] = 82; break;
    case TPR_Q3_K: places[0] = 108; break;
    case TPR_Q6_K: places[0] = 208; break;
    default: break;
    }
}

static void fill_weight(uint8_t *weight, size_t bytes, const shape *s) {
    static const uint8_t alike[KINDS] = {[ONES] = 0xff, [TOP_BITS] = 0x80, [LOW_BITS] = 0x7f};
    int is_alike = s->kind >= ZEROS && s->kind <= LOW_BITS, places[2];
    half_places(s->type, places);
    for (size_t i = 0; i < bytes; i++) { weight[i] = is_alike ? alike[s->kind] : (uint8_t)next(); }
    size_t step = tpr_block_bytes(s->type);
    for (size_t at = 0; at < bytes; at += step) {
        float value = number(s->kind);
        uint16_t narrow = s->type == TPR_F16 ? tpr_half_of_float(value) : (uint16_t)(tpr_bits_of_float(value) >> 16);
        if (s->type == TPR_F32) { memcpy(weight + at, &value, 4); }
        if (s->type == TPR_F16 || s->type == TPR_BF16) { memcpy(weight + at, &narrow, 2); }
        for (int i = 0; i < 2 && places[i] >= 0; i++) {
            uint16_t scale = half(s->kind);
            memcpy(weight + at + places[i], &scale, 2);
        }
    }
}

/// The outputs of both tables are the same bits, or both NaN.
static int compare(const tpr_ops *ops, const shape *s) {
    const tpr_ops *reference = tpr_ops_scalar();
    size_t row_bytes = s->columns / tpr_block_size(s->type) * tpr_block_bytes(s->type);
    size_t elements = s->rows * s->columns, results = s->rows * s->outputs;
    uint8_t *memory = malloc(row_bytes * s->outputs + 4), *weight = memory + next() % 4;
    float *floats = malloc(4 * elements), *bias = malloc(4 * s->outputs);
    int8_t *bytes = malloc(elements);
    float *scales = malloc(4 * elements);
    int16_t *sums = malloc(2 * elements);
    float *expected = malloc(4 * results), *found = malloc(4 * results);
    fill_weight(weight, row_bytes * s->outputs, s);
    for (size_t i = 0; i < elements; i++) { floats[i] = number(s->kind); }
    for (size_t i = 0; i < s->outputs; i++) { bias[i] = uniform(); }
    int kind = tpr_input_kind(s->type);
    size_t group = kind == TPR_INPUT_BLOCKS256 ? 256 : 32, span = kind == TPR_INPUT_BLOCKS256 ? 16 : 4;
    for (size_t at = 0; kind != TPR_INPUT_FLOAT && at < elements; at += s->columns) {
        (kind == TPR_INPUT_BLOCKS32 ? ops->quantize32 : ops->quantize256)(
            floats + at, s->columns, bytes + at, scales + at / group, sums + at / span);
    }
    tpr_linear map = {s->type, weight, row_bytes, next() % 2 ? bias : NULL, expected, s->outputs, s->rows, s->columns,
                      {floats, bytes, scales, sums}};
    reference->linear(&map, 0, s->outputs);
    map.output = found;
    size_t cut = s->outputs / 3;
    ops->linear(&map, 0, cut);
    ops->linear(&map, cut, s->outputs);
    size_t wrong = 0;
    for (size_t i = 0; i < results; i++) {
        int are_nan = expected[i] != expected[i] && found[i] != found[i];
        wrong += !are_nan && memcmp(expected + i, found + i, 4) != 0;
    }
    if (wrong) {
        printf("%s, type %u, %zu x %zu x %zu, kind %d: %zu differ\n", ops->name, s->type, s->rows, s->outputs,
               s->columns, s->kind, wrong);
    }
    free(memory), free(floats), free(bias), free(bytes), free(scales), free(sums), free(expected), free(found);
    return wrong > 0;
}

int main(void) {
    static const uint32_t types[] = {TPR_F32,  TPR_F16,  TPR_BF16, TPR_Q4_0, TPR_Q4_1, TPR_Q5_0, TPR_Q5_1,
                                     TPR_Q8_0, TPR_Q2_K, TPR_Q3_K, TPR_Q4_K, TPR_Q5_K, TPR_Q6_K};
    static const size_t sizes[][2] = {{1, 9},  {1, 17}, {2, 5},  {3, 7},   {4, 8},   {5, 11},  {6, 16},
                                      {7, 26}, {9, 33}, {14, 9}, {25, 31}, {33, 19}, {263, 18}};
    int failures = 0, comparisons = 0;
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
        for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
            size_t block = tpr_block_size(types[i]);
            for (size_t j = 0; j < sizeof sizes / sizeof *sizes; j++) {
                for (int kind = 0; kind < KINDS; kind++, comparisons++) {
                    size_t columns = block == 1 ? 1 + next() % 70 : block * (1 + next() % (block == 32 ? 17 : 3));
                    shape s = {types[i], sizes[j][0], sizes[j][1], columns, kind};
                    failures += compare(tables[t](), &s);
                }
            }
        }
        printf("%s: compared with the reference\n", tables[t]()->name);
    }
    printf("%d passed, %d failed\n", comparisons - failures, failures);
    return failures > 0;
}
