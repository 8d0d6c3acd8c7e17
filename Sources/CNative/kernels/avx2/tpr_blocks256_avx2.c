// SPDX-License-Identifier: Apache-2.0
// Linear maps of weights in blocks of 256 for few rows of input: 8 runs of 32 bytes, each times the bytes of the input
// and its 16-bit scales, summed as whole numbers over the block; then one multiply-add for eight outputs, and one for the
// minima.
#include "tpr_unpack_avx2.h"

#if defined(__x86_64__)

#pragma STDC FP_CONTRACT OFF

/// The 16-bit scales of run c: the first 8 for its first 16 elements, the others for the rest.
TPR_AVX2_INLINE __m256i run_scales(__m256i scales, int c) {
    __m256i half = c < 4 ? _mm256_permute4x64_epi64(scales, 0x44) : _mm256_permute4x64_epi64(scales, 0xee);
    int at = c % 4 * 4;
    return _mm256_shuffle_epi8(
        half, _mm256_setr_m128i(_mm_set1_epi16((short)((at + 1) << 8 | at)),
                                _mm_set1_epi16((short)((at + 3) << 8 | (at + 2)))));
}

/// M rows by `width` outputs, at most eight.
TPR_AVX2_INLINE void tile(uint32_t type, size_t bytes, int M, const tpr_linear *map, size_t m0, size_t n0,
                          size_t width) {
    const int has_minimum = type == TPR_Q2_K || type == TPR_Q4_K || type == TPR_Q5_K;
    const int shift = type == TPR_Q6_K ? 5 : type == TPR_Q3_K ? 2 : 0; // offset 32 or 4
    const size_t d_at = type == TPR_Q2_K ? 80 : type == TPR_Q3_K ? 108 : type == TPR_Q6_K ? 208 : 0;
    const int8_t *inputs = map->input.bytes + m0 * map->columns;
    const size_t count = map->columns / 256;
    const float *scales = map->input.scales + m0 * count;
    const int16_t *sums = map->input.sums + m0 * count * 16;
    tpr_eight rows = tpr_eight_rows_avx2(map, n0, width);
    tpr_ahead ahead = tpr_ahead_avx2(map->weight + (n0 + 8) * map->row_bytes, map->row_bytes, 8, bytes);
    __m256 acc[4];
#pragma unroll
    for (int m = 0; m < M; m++) { acc[m] = _mm256_setzero_ps(); }
    for (size_t b = 0, at = 0; b < count; b++, at += bytes) {
        __m256i products[4][8], minima[4][8];
        for (int n = 0; n < 8; n++) {
            const uint8_t *block = rows.row[n] + at;
            if (M == 1) {
#pragma unroll
                for (size_t line = 0; line < bytes; line += 64) { tpr_ask_avx2(&ahead, at, (size_t)n, line); }
            }
            tpr_state256 state;
            tpr_load_state256_avx2(type, block, &state);
            __m256i total[4];
#pragma unroll
            for (int m = 0; m < M; m++) { total[m] = _mm256_setzero_si256(); }
#pragma unroll
            for (int c = 0; c < 8; c++) {
                __m256i w = tpr_run_values_avx2(type, block, &state, c);
                __m256i scale = run_scales(state.scales, c);
#pragma unroll
                for (int m = 0; m < M; m++) {
                    __m256i x = tpr_load32_avx2(inputs + (size_t)m * map->columns + 256 * b + 32 * (size_t)c);
                    __m256i pairs = _mm256_maddubs_epi16(w, x);
                    total[m] = _mm256_add_epi32(total[m], _mm256_madd_epi16(pairs, scale));
                }
            }
#pragma unroll
            for (int m = 0; m < M; m++) {
                __m256i input_sums = tpr_load32_avx2(sums + ((size_t)m * count + b) * 16);
                if (shift) {
                    __m256i offset = _mm256_slli_epi32(_mm256_madd_epi16(state.scales, input_sums), shift);
                    total[m] = _mm256_sub_epi32(total[m], offset);
                }
                products[m][n] = total[m];
                if (has_minimum) { minima[m][n] = _mm256_madd_epi16(state.minima, input_sums); }
            }
        }
        __m256 scale = tpr_eight_halves_avx2(&rows, at + d_at);
        __m256 minimum = has_minimum ? tpr_eight_halves_avx2(&rows, at + d_at + 2) : scale;
#pragma unroll
        for (int m = 0; m < M; m++) {
            __m256 x_scale = _mm256_broadcast_ss(scales + (size_t)m * count + b);
            __m256 sum = _mm256_cvtepi32_ps(tpr_eight_sums_avx2(products[m]));
            acc[m] = _mm256_fmadd_ps(_mm256_mul_ps(scale, x_scale), sum, acc[m]);
            if (has_minimum) {
                sum = _mm256_cvtepi32_ps(tpr_eight_sums_avx2(minima[m]));
                acc[m] = _mm256_fnmadd_ps(_mm256_mul_ps(minimum, x_scale), sum, acc[m]);
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

TILES(q2_k, TPR_Q2_K)
TILES(q3_k, TPR_Q3_K)
TILES(q4_k, TPR_Q4_K)
TILES(q5_k, TPR_Q5_K)
TILES(q6_k, TPR_Q6_K)

void tpr_linear_blocks256_avx2(const tpr_linear *map, size_t first, size_t last) {
    const tpr_eight_tile_avx2 *tiles;
    switch (map->type) {
    case TPR_Q2_K: tiles = q2_k_tiles; break;
    case TPR_Q3_K: tiles = q3_k_tiles; break;
    case TPR_Q4_K: tiles = q4_k_tiles; break;
    case TPR_Q5_K: tiles = q5_k_tiles; break;
    default: tiles = q6_k_tiles; break;
    }
    tpr_run_eights_avx2(tiles, map, first, last);
}

#endif
