// SPDX-License-Identifier: Apache-2.0
// Linear maps of F32, F16 and BF16 weights: tiles of up to 4 rows of input by 3 to 8 outputs over all columns, weights
// converted in registers. One row is bound by memory, many by arithmetic.
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
    if (M == 1) {
        tpr_ahead ahead = tpr_ahead_avx2(weight + (size_t)N * weight_stride, weight_stride, (size_t)N, 32 * size);
        for (; k + 32 <= count; k += 32) {
#pragma unroll
            for (int n = 0; n < N; n++) {
                const uint8_t *row = weight + (size_t)n * weight_stride + k * size;
                tpr_ask_avx2(&ahead, k * size, (size_t)n, 0);
                if (type == TPR_F32) { tpr_ask_avx2(&ahead, k * size, (size_t)n, 64); }
#pragma unroll
                for (size_t i = 0; i < 32; i += 8) {
                    acc[n] = _mm256_fmadd_ps(load8(type, row + i * size), _mm256_loadu_ps(input + k + i), acc[n]);
                }
            }
        }
    }
    for (; k + 8 <= count; k += 8) {
        // N weights, one input and the accumulators fill the registers; loading inputs late keeps it so.
        __m256 w[8];
#pragma unroll
        for (int n = 0; n < N; n++) { w[n] = load8(type, weight + (size_t)n * weight_stride + k * size); }
#pragma unroll
        for (int m = 0; m < M; m++) {
            __m256 x = _mm256_loadu_ps(input + (size_t)m * input_stride + k);
#pragma unroll
            for (int n = 0; n < N; n++) { acc[m * N + n] = _mm256_fmadd_ps(w[n], x, acc[m * N + n]); }
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
    TILE(name, type, 3, 3)                                                                                             \
    TILE(name, type, 4, 3)                                                                                             \
    TILE(name, type, 1, 1)                                                                                             \
    TILE(name, type, 2, 1)                                                                                             \
    TILE(name, type, 3, 1)                                                                                             \
    TILE(name, type, 4, 1)                                                                                             \
    static const tpr_tiles_avx2 name##_tiles = {                                                                       \
        {8, 4, 3, 3},                                                                                                  \
        {name##_1x8, name##_2x4, name##_3x3, name##_4x3},                                                                    \
        {name##_1x1, name##_2x1, name##_3x1, name##_4x1},                                                                    \
    };

TILES(f32, TPR_F32)
TILES(f16, TPR_F16)
TILES(bf16, TPR_BF16)

void tpr_linear_plain_avx2(const tpr_linear *map, size_t first, size_t last) {
    const tpr_tiles_avx2 *tiles = map->type == TPR_F32 ? &f32_tiles : map->type == TPR_F16 ? &f16_tiles : &bf16_tiles;
    tpr_run_tiles_avx2(tiles, map, first, last);
}

#endif
