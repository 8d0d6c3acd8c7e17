// SPDX-License-Identifier: Apache-2.0
// Linear maps of F32, F16 and BF16 weights. Few rows: tiles over all columns, weights converted in registers (bound by
// memory). Four rows or more: panels of weights as floats in the first-level cache, tiles of 4 x 3 over 256 columns at
// a time, whose lanes wait in scratch between the column blocks (bound by arithmetic). Same lanes, same order, same bits.
#include "tpr_avx2.h"

#if defined(__x86_64__)

#pragma STDC FP_CONTRACT OFF

/// Eight weights at `row`, as floats.
TPR_AVX2_INLINE __m256 load8(uint32_t type, const uint8_t *at) {
    switch (type) {
    case TPR_F32: return _mm256_loadu_ps((const float *)(const void *)at);
    case TPR_F16: return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)at));
    default: {
        __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)at));
        return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
    }
    }
}

/// Adds `count` columns of a tile to its accumulators.
TPR_AVX2_INLINE void accumulate(uint32_t type, int M, int N, const float *input, size_t input_stride,
                                const uint8_t *weight, size_t weight_stride, size_t count, __m256 *acc) {
    const size_t size = type == TPR_F32 ? 4 : 2;
    size_t k = 0;
    for (; k + 8 <= count; k += 8) {
        __m256 x[4];
#pragma unroll
        for (int m = 0; m < M; m++) { x[m] = _mm256_loadu_ps(input + (size_t)m * input_stride + k); }
#pragma unroll
        for (int n = 0; n < N; n++) {
            __m256 w = load8(type, weight + (size_t)n * weight_stride + k * size);
#pragma unroll
            for (int m = 0; m < M; m++) { acc[m * N + n] = _mm256_fmadd_ps(w, x[m], acc[m * N + n]); }
        }
    }
    if (k == count) { return; }
    // The last columns, fewer than 8; lanes past them keep what they have.
    size_t rest = count - k;
    __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    __m256 mask = _mm256_castsi256_ps(_mm256_cmpgt_epi32(_mm256_set1_epi32((int)rest), index));
    for (int n = 0; n < N; n++) {
        uint8_t padded[32] = {0};
        memcpy(padded, weight + (size_t)n * weight_stride + k * size, rest * size);
        __m256 w = load8(type, padded);
        for (int m = 0; m < M; m++) {
            float x[8] = {0};
            memcpy(x, input + (size_t)m * input_stride + k, rest * sizeof(float));
            __m256 sum = _mm256_fmadd_ps(w, _mm256_loadu_ps(x), acc[m * N + n]);
            acc[m * N + n] = _mm256_blendv_ps(acc[m * N + n], sum, mask);
        }
    }
}

#define TILE(name, type, M, N)                                                                                         \
    TPR_AVX2 static void name##_##M##x##N(const tpr_linear *map, size_t m0, size_t n0) {                               \
        __m256 acc[M * N];                                                                                             \
        for (int i = 0; i < M * N; i++) { acc[i] = _mm256_setzero_ps(); }                                              \
        accumulate(type, M, N, map->input.floats + m0 * map->columns, map->columns,                                    \
                   map->weight + n0 * map->row_bytes, map->row_bytes, map->columns, acc);                              \
        tpr_finish_avx2(map, m0, n0, M, N, acc);                                                                       \
    }

#define TILES(name, type)                                                                                              \
    TILE(name, type, 1, 8)                                                                                             \
    TILE(name, type, 2, 4)                                                                                             \
    TILE(name, type, 3, 4)                                                                                             \
    TILE(name, type, 1, 1)                                                                                             \
    TILE(name, type, 2, 1)                                                                                             \
    TILE(name, type, 3, 1)                                                                                             \
    static const tpr_tiles_avx2 name##_tiles = {                                                                       \
        {8, 4, 4, 1},                                                                                                  \
        {name##_1x8, name##_2x4, name##_3x4, NULL},                                                                    \
        {name##_1x1, name##_2x1, name##_3x1, NULL},                                                                    \
    };

TILES(f32, TPR_F32)
TILES(f16, TPR_F16)
TILES(bf16, TPR_BF16)

// Many rows.

enum { PANEL_OUTPUTS = TPR_LINEAR_TILE, PANEL_ROWS = 64, PANEL_COLUMNS = 256 };

/// Scratch: lanes [row][output][8], then a panel of weights [output][column].
typedef struct {
    float lanes[PANEL_ROWS][PANEL_OUTPUTS][8];
    float weights[PANEL_OUTPUTS][PANEL_COLUMNS];
} panel;

/// A tile over one block of columns of float weights; its lanes come from scratch and return there.
#define PANEL_TILE(M, N)                                                                                               \
    TPR_AVX2 static void panel_##M##x##N(const float *input, size_t input_stride, const uint8_t *weight,               \
                                         size_t weight_stride, size_t count, float (*lanes)[PANEL_OUTPUTS][8]) {       \
        __m256 acc[M * N];                                                                                             \
        for (int i = 0; i < M * N; i++) { acc[i] = _mm256_load_ps(lanes[i / N][i % N]); }                              \
        accumulate(TPR_F32, M, N, input, input_stride, weight, weight_stride, count, acc);                             \
        for (int i = 0; i < M * N; i++) { _mm256_store_ps(lanes[i / N][i % N], acc[i]); }                              \
    }

PANEL_TILE(4, 3)
PANEL_TILE(3, 3)
PANEL_TILE(2, 3)
PANEL_TILE(1, 3)
PANEL_TILE(4, 1)
PANEL_TILE(3, 1)
PANEL_TILE(2, 1)
PANEL_TILE(1, 1)

typedef void (*panel_tile)(const float *, size_t, const uint8_t *, size_t, size_t, float (*)[PANEL_OUTPUTS][8]);

/// One block of columns of a panel.
TPR_AVX2 static void panel_block(const float *input, size_t input_stride, size_t rows, const uint8_t *weight,
                                 size_t weight_stride, size_t outputs, size_t count, panel *scratch) {
    static const panel_tile wide[4] = {panel_1x3, panel_2x3, panel_3x3, panel_4x3};
    static const panel_tile single[4] = {panel_1x1, panel_2x1, panel_3x1, panel_4x1};
    for (size_t m = 0; m < rows; m += 4) {
        size_t height = (rows - m < 4 ? rows - m : 4) - 1;
        const float *x = input + m * input_stride;
        size_t n = 0;
        for (; n + 3 <= outputs; n += 3) {
            wide[height](x, input_stride, weight + n * weight_stride, weight_stride, count,
                         (float(*)[PANEL_OUTPUTS][8])(void *)&scratch->lanes[m][n]);
        }
        for (; n < outputs; n++) {
            single[height](x, input_stride, weight + n * weight_stride, weight_stride, count,
                           (float(*)[PANEL_OUTPUTS][8])(void *)&scratch->lanes[m][n]);
        }
    }
}

TPR_AVX2 static void convert(uint32_t type, const uint8_t *from, size_t count, float *to) {
    size_t k = 0;
    for (; k + 8 <= count; k += 8) { _mm256_store_ps(to + k, load8(type, from + 2 * k)); }
    for (; k < count; k++) {
        uint16_t bits = tpr_load16(from + 2 * k);
        to[k] = type == TPR_F16 ? tpr_float_of_half(bits) : tpr_float_of_bfloat(bits);
    }
}

TPR_AVX2 static void linear_panels(const tpr_linear *map, size_t first, size_t last, panel *scratch) {
    size_t size = tpr_block_bytes(map->type);
    for (size_t n0 = first; n0 < last; n0 += PANEL_OUTPUTS) {
        size_t outputs = last - n0 < PANEL_OUTPUTS ? last - n0 : PANEL_OUTPUTS;
        for (size_t m0 = 0; m0 < map->rows; m0 += PANEL_ROWS) {
            size_t rows = map->rows - m0 < PANEL_ROWS ? map->rows - m0 : PANEL_ROWS;
            memset(scratch->lanes, 0, rows * sizeof scratch->lanes[0]);
            for (size_t k0 = 0; k0 < map->columns; k0 += PANEL_COLUMNS) {
                size_t count = map->columns - k0 < PANEL_COLUMNS ? map->columns - k0 : PANEL_COLUMNS;
                const uint8_t *weight = map->weight + n0 * map->row_bytes + k0 * size;
                size_t weight_stride = map->row_bytes;
                if (map->type != TPR_F32) {
                    for (size_t n = 0; n < outputs; n++) {
                        convert(map->type, weight + n * weight_stride, count, scratch->weights[n]);
                    }
                    weight = (const uint8_t *)scratch->weights;
                    weight_stride = sizeof scratch->weights[0];
                }
                panel_block(map->input.floats + m0 * map->columns + k0, map->columns, rows, weight, weight_stride,
                            outputs, count, scratch);
            }
            for (size_t m = 0; m < rows; m++) {
                for (size_t n = 0; n < outputs; n++) {
                    __m256 lanes = _mm256_load_ps(scratch->lanes[m][n]);
                    tpr_finish_avx2(map, m0 + m, n0 + n, 1, 1, &lanes);
                }
            }
        }
    }
}

void tpr_linear_plain_avx2(const tpr_linear *map, size_t first, size_t last, void *scratch) {
    _Static_assert(sizeof(panel) <= 512 * 1024, "fits tpr_linear_scratch_bytes");
    if (map->rows >= 4) {
        linear_panels(map, first, last, scratch);
    } else {
        const tpr_tiles_avx2 *tiles = map->type == TPR_F32 ? &f32_tiles : map->type == TPR_F16 ? &f16_tiles : &bf16_tiles;
        tpr_run_tiles_avx2(tiles, map, first, last);
    }
}

#endif
