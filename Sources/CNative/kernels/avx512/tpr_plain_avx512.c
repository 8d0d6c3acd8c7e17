// SPDX-License-Identifier: Apache-2.0
// Linear maps of F32, F16 and BF16 weights for two or more rows of input. A register holds the 8 lanes of one output
// beside those of the next, so every lane accumulates what it does with AVX2, in the same order.
#include "tpr_avx512.h"

#if defined(__x86_64__)

#pragma STDC FP_CONTRACT OFF

enum { PAIRS = 4, OUTPUTS = 2 * PAIRS, TILE = 6 };

/// Eight weights of one output at `low` and eight of the next at `high`, as floats.
TPR_AVX512_INLINE __m512 load_pair(uint32_t type, const uint8_t *low, const uint8_t *high) {
    if (type == TPR_F32) {
        __m512 both = _mm512_castps256_ps512(_mm256_loadu_ps((const float *)(const void *)low));
        return _mm512_insertf32x8(both, _mm256_loadu_ps((const float *)(const void *)high), 1);
    }
    __m128i first = _mm_loadu_si128((const __m128i *)(const void *)low);
    __m128i second = _mm_loadu_si128((const __m128i *)(const void *)high);
    __m256i both = _mm256_inserti128_si256(_mm256_castsi128_si256(first), second, 1);
    if (type == TPR_F16) { return _mm512_cvtph_ps(both); }
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(both), 16));
}

/// Eight inputs, twice.
TPR_AVX512_INLINE __m512 load_input(const float *at) { return _mm512_broadcast_f32x8(_mm256_loadu_ps(at)); }

/// R rows from m0 on by 8 outputs from n0 on, along all columns.
TPR_AVX512_INLINE void tile(uint32_t type, int R, const tpr_linear *map, size_t m0, size_t n0) {
    const size_t size = type == TPR_F32 ? 4 : 2, columns = map->columns;
    const uint8_t *weight = map->weight + n0 * map->row_bytes;
    const float *input = map->input.floats + m0 * columns;
    __m512 acc[TILE * PAIRS];
#pragma unroll
    for (int i = 0; i < R * PAIRS; i++) { acc[i] = _mm512_setzero_ps(); }
    size_t k = 0;
    for (; k + 8 <= columns; k += 8) {
        __m512 w[PAIRS];
#pragma unroll
        for (size_t p = 0; p < PAIRS; p++) {
            const uint8_t *low = weight + 2 * p * map->row_bytes + k * size;
            w[p] = load_pair(type, low, low + map->row_bytes);
        }
#pragma unroll
        for (int r = 0; r < R; r++) {
            __m512 x = load_input(input + (size_t)r * columns + k);
#pragma unroll
            for (int p = 0; p < PAIRS; p++) { acc[r * PAIRS + p] = _mm512_fmadd_ps(w[p], x, acc[r * PAIRS + p]); }
        }
    }
    size_t rest = columns - k;
    if (rest > 0) {
        // The last columns, fewer than 8; lanes past them keep what they have.
        const __mmask16 mask = (__mmask16)(((1u << rest) - 1) * 0x101);
        for (size_t p = 0; p < PAIRS; p++) {
            uint8_t padded[2][32] = {{0}, {0}};
            const uint8_t *low = weight + 2 * p * map->row_bytes + k * size;
            memcpy(padded[0], low, rest * size);
            memcpy(padded[1], low + map->row_bytes, rest * size);
            __m512 w = load_pair(type, padded[0], padded[1]);
            for (int r = 0; r < R; r++) {
                float x[8] = {0};
                memcpy(x, input + (size_t)r * columns + k, rest * sizeof(float));
                __m512 *sum = &acc[r * PAIRS + (int)p];
                *sum = _mm512_mask_mov_ps(*sum, mask, _mm512_fmadd_ps(w, load_input(x), *sum));
            }
        }
    }
    __m256 halves[TILE * OUTPUTS];
#pragma unroll
    for (int i = 0; i < R * PAIRS; i++) {
        halves[2 * i] = _mm512_castps512_ps256(acc[i]);
        halves[2 * i + 1] = _mm512_extractf32x8_ps(acc[i], 1);
    }
    tpr_finish_avx2(map, m0, n0, R, OUTPUTS, halves);
}

#define TILE_OF(name, type, R)                                                                                         \
    TPR_AVX512 static void name##_##R(const tpr_linear *map, size_t m0, size_t n0) { tile(type, R, map, m0, n0); }

#define TILES(name, type)                                                                                              \
    TILE_OF(name, type, 1)                                                                                             \
    TILE_OF(name, type, 2)                                                                                             \
    TILE_OF(name, type, 3)                                                                                             \
    TILE_OF(name, type, 4)                                                                                             \
    TILE_OF(name, type, 5)                                                                                             \
    TILE_OF(name, type, 6)                                                                                             \
    static const tpr_tile_avx2 name##_tiles[TILE] = {name##_1, name##_2, name##_3, name##_4, name##_5, name##_6};

TILES(f32, TPR_F32)
TILES(f16, TPR_F16)
TILES(bf16, TPR_BF16)

void tpr_linear_plain_avx512(const tpr_linear *map, size_t first, size_t last) {
    const tpr_tile_avx2 *tiles = map->type == TPR_F32 ? f32_tiles : map->type == TPR_F16 ? f16_tiles : bf16_tiles;
    const size_t whole = first + (last - first) / OUTPUTS * OUTPUTS;
    for (size_t m = 0; m < map->rows;) {
        size_t height = map->rows - m < TILE ? map->rows - m : TILE;
        for (size_t n = first; n < whole; n += OUTPUTS) { tiles[height - 1](map, m, n); }
        m += height;
    }
    if (whole < last) { tpr_linear_plain_avx2(map, whole, last); }
}

#endif
