// SPDX-License-Identifier: Apache-2.0
// Linear maps of weights in blocks of 32 for few rows of input: eight outputs at a time, each block's products summed as
// whole numbers, then one multiply-add for the eight.
#include "tpr_unpack_avx2.h"

#if defined(__x86_64__)

#pragma STDC FP_CONTRACT OFF

/// Products of a block, summed by four. Pairs stay below 2^15: at most 2 * 128 * 127.
TPR_AVX2_INLINE __m256i dot(uint32_t type, __m256i weights, __m256i input) {
    __m256i pairs = type == TPR_Q8_0
                        ? _mm256_maddubs_epi16(_mm256_abs_epi8(weights), _mm256_sign_epi8(input, weights))
                        : _mm256_maddubs_epi16(weights, input);
    return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

/// M rows by `width` outputs, at most eight.
TPR_AVX2_INLINE void tile(uint32_t type, size_t bytes, int M, const tpr_linear *map, size_t m0, size_t n0,
                          size_t width) {
    const int has_minimum = type == TPR_Q4_1 || type == TPR_Q5_1;
    const int shift = type == TPR_Q4_0 ? 3 : type == TPR_Q5_0 ? 4 : 0; // offset 8 or 16
    const int8_t *inputs = map->input.bytes + m0 * map->columns;
    const size_t count = map->columns / 32;
    const float *scales = map->input.scales + m0 * count;
    const int16_t *sums = map->input.sums + m0 * count * 8;
    tpr_eight rows = tpr_eight_rows_avx2(map, n0, width);
    tpr_ahead ahead = tpr_ahead_avx2(map->weight + (n0 + 8) * map->row_bytes, map->row_bytes, 8, bytes);
    __m256 acc[4];
#pragma unroll
    for (int m = 0; m < M; m++) { acc[m] = _mm256_setzero_ps(); }
    for (size_t b = 0, at = 0; b < count; b++, at += bytes) {
        __m256 scale = tpr_eight_halves_avx2(&rows, at);
        __m256 minimum = has_minimum ? tpr_eight_halves_avx2(&rows, at + 2) : scale;
        __m256i w[8], products[8];
#pragma unroll
        for (int n = 0; n < 8; n++) {
            if (M == 1) { tpr_ask_avx2(&ahead, at, (size_t)n, 0); }
            w[n] = tpr_values32_avx2(type, rows.row[n] + at);
        }
#pragma unroll
        for (int m = 0; m < M; m++) {
            __m256i x = tpr_load32_avx2(inputs + (size_t)m * map->columns + 32 * b);
#pragma unroll
            for (int n = 0; n < 8; n++) { products[n] = dot(type, w[n], x); }
            __m256i sum = tpr_eight_sums_avx2(products);
            __m256i input_sum = has_minimum || shift ? tpr_input_sum_avx2(sums + ((size_t)m * count + b) * 8) : sum;
            if (shift) { sum = _mm256_sub_epi32(sum, _mm256_slli_epi32(input_sum, shift)); }
            __m256 x_scale = _mm256_broadcast_ss(scales + (size_t)m * count + b);
            acc[m] = _mm256_fmadd_ps(_mm256_mul_ps(scale, x_scale), _mm256_cvtepi32_ps(sum), acc[m]);
            if (has_minimum) {
                acc[m] = _mm256_fmadd_ps(_mm256_mul_ps(minimum, x_scale), _mm256_cvtepi32_ps(input_sum), acc[m]);
            }
        }
    }
#pragma unroll
    for (int m = 0; m < M; m++) { tpr_store_eight_avx2(map, m0 + (size_t)m, n0, width, acc[m]); }
}

#define TILE(name, type, M)                                                                                            \
    TPR_AVX2 static void name##_##M(const tpr_linear *map, size_t m0, size_t n0, size_t width) {                       \
        tile(type, sizeof(tpr_##name), M, map, m0, n0, width);                                                         \
    }

#define TILES(name, type)                                                                                              \
    TILE(name, type, 1)                                                                                                \
    TILE(name, type, 2)                                                                                                \
    TILE(name, type, 3)                                                                                                \
    TILE(name, type, 4)                                                                                                \
    static const tpr_eight_tile_avx2 name##_tiles[4] = {name##_1, name##_2, name##_3, name##_4};

TILES(q4_0, TPR_Q4_0)
TILES(q4_1, TPR_Q4_1)
TILES(q5_0, TPR_Q5_0)
TILES(q5_1, TPR_Q5_1)
TILES(q8_0, TPR_Q8_0)

void tpr_linear_blocks32_avx2(const tpr_linear *map, size_t first, size_t last) {
    const tpr_eight_tile_avx2 *tiles;
    switch (map->type) {
    case TPR_Q4_0: tiles = q4_0_tiles; break;
    case TPR_Q4_1: tiles = q4_1_tiles; break;
    case TPR_Q5_0: tiles = q5_0_tiles; break;
    case TPR_Q5_1: tiles = q5_1_tiles; break;
    default: tiles = q8_0_tiles; break;
    }
    tpr_run_eights_avx2(tiles, map, first, last);
}

#endif
