// SPDX-License-Identifier: Apache-2.0
// Linear maps of weights in blocks of 256: 8 runs of 32 bytes, each times the bytes of the input and its 16-bit scales,
// summed as integers over the whole block; then one multiply-add, and one for the minima.
#include "tpr_avx2.h"

#if defined(__x86_64__)

#pragma STDC FP_CONTRACT OFF

/// What all rows of input need of a block: the fields of some are not used by all types.
typedef struct {
    __m256i scales;  // 16-bit, as load_scales documents
    __m256i minima;  // 16-bit, one per 16 elements
    __m256i natural; // 16-bit scales, one per 16 elements, where there is an offset
    __m128i bytes;   // scales as signed bytes, one per 16 elements
    __m256i high;    // bits that belong to all runs
} block_state;

TPR_AVX2_INLINE __m256i load32(const uint8_t *at) { return _mm256_loadu_si256((const __m256i *)(const void *)at); }

/// The 6-bit scales and minima of Q4_K and Q5_K. Scales: 8 in each half; minima: each twice.
TPR_AVX2_INLINE void load_scales_mins(const uint8_t *packed, block_state *state) {
    uint32_t a, b, c;
    memcpy(&a, packed, 4);
    memcpy(&b, packed + 4, 4);
    memcpy(&c, packed + 8, 4);
    uint64_t scales = (a & 0x3f3f3f3f) | (uint64_t)((c & 0x0f0f0f0f) | ((a >> 2) & 0x30303030)) << 32;
    uint64_t mins = (b & 0x3f3f3f3f) | (uint64_t)(((c >> 4) & 0x0f0f0f0f) | ((b >> 2) & 0x30303030)) << 32;
    __m128i narrow = _mm_cvtepu8_epi16(_mm_cvtsi64_si128((long long)scales));
    state->scales = _mm256_broadcastsi128_si256(narrow);
    __m256i wide = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)mins));
    state->minima = _mm256_or_si256(wide, _mm256_slli_epi32(wide, 16));
}

TPR_AVX2_INLINE void load_state(uint32_t type, const uint8_t *block, block_state *state) {
    switch (type) {
    case TPR_Q4_K: load_scales_mins(block + 4, state); break;
    case TPR_Q5_K:
        load_scales_mins(block + 4, state);
        state->high = load32(block + 16);
        break;
    case TPR_Q2_K: {
        __m128i packed = _mm_loadu_si128((const __m128i *)(const void *)block);
        __m128i low = _mm_set1_epi8(15);
        state->bytes = _mm_and_si128(packed, low);
        state->minima = _mm256_cvtepu8_epi16(_mm_and_si128(_mm_srli_epi16(packed, 4), low));
        break;
    }
    case TPR_Q3_K: {
        uint32_t a, b, c;
        memcpy(&a, block + 96, 4);
        memcpy(&b, block + 100, 4);
        memcpy(&c, block + 104, 4);
        const uint32_t low = 0x0f0f0f0f, high = 0x30303030;
        __m128i packed = _mm_setr_epi32((int)((a & low) | ((c << 4) & high)), (int)((b & low) | ((c << 2) & high)),
                                        (int)(((a >> 4) & low) | (c & high)),
                                        (int)(((b >> 4) & low) | ((c >> 2) & high)));
        state->bytes = _mm_sub_epi8(packed, _mm_set1_epi8(32));
        state->natural = _mm256_cvtepi8_epi16(state->bytes);
        state->high = load32(block);
        break;
    }
    default:
        state->bytes = _mm_loadu_si128((const __m128i *)(const void *)(block + 192));
        state->natural = _mm256_cvtepi8_epi16(state->bytes);
        break;
    }
}

/// Bit `from` of each byte moved to bit `to`, alone.
TPR_AVX2_INLINE __m256i move_bits(__m256i bytes, int from, int to, char mask) {
    __m256i moved = from < to ? _mm256_slli_epi16(bytes, to - from) : _mm256_srli_epi16(bytes, from - to);
    return _mm256_and_si256(moved, _mm256_set1_epi8(mask));
}

/// The 32 unsigned values of run c, before the offset.
TPR_AVX2_INLINE __m256i run_values(uint32_t type, const uint8_t *block, const block_state *state, int c) {
    const __m256i low = _mm256_set1_epi8(15);
    switch (type) {
    case TPR_Q4_K: return move_bits(load32(block + 16 + c / 2 * 32), c % 2 * 4, 0, 15);
    case TPR_Q5_K: {
        __m256i nibbles = move_bits(load32(block + 48 + c / 2 * 32), c % 2 * 4, 0, 15);
        return _mm256_or_si256(nibbles, move_bits(state->high, c, 4, 16));
    }
    case TPR_Q2_K: return move_bits(load32(block + 16 + c / 4 * 32), c % 4 * 2, 0, 3);
    case TPR_Q3_K: {
        __m256i pairs = move_bits(load32(block + 32 + c / 4 * 32), c % 4 * 2, 0, 3);
        return _mm256_or_si256(pairs, move_bits(state->high, c, 2, 4));
    }
    default: {
        __m256i nibbles = load32(block + c / 4 * 64 + c % 2 * 32);
        nibbles = _mm256_and_si256(c % 4 < 2 ? nibbles : _mm256_srli_epi16(nibbles, 4), low);
        return _mm256_or_si256(nibbles, move_bits(load32(block + 128 + c / 4 * 32), c % 4 * 2, 4, 0x30));
    }
    }
}

/// The 16-bit scales of run c: the first 8 for its first 16 elements, the others for the rest.
TPR_AVX2_INLINE __m256i run_scales(uint32_t type, const block_state *state, int c) {
    if (type == TPR_Q4_K || type == TPR_Q5_K) {
        return _mm256_shuffle_epi8(state->scales, _mm256_set1_epi16((short)((2 * c + 1) << 8 | 2 * c)));
    }
    long long first = 0x0101010101010101 * (2 * c), second = 0x0101010101010101 * (2 * c + 1);
    return _mm256_cvtepi8_epi16(_mm_shuffle_epi8(state->bytes, _mm_set_epi64x(second, first)));
}

TPR_AVX2_INLINE void tile(uint32_t type, size_t bytes, int M, int N, const tpr_linear *map, size_t m0, size_t n0) {
    const int has_minimum = type == TPR_Q2_K || type == TPR_Q4_K || type == TPR_Q5_K;
    const int shift = type == TPR_Q6_K ? 5 : type == TPR_Q3_K ? 2 : 0; // offset 32 or 4
    const int d_at = type == TPR_Q2_K ? 80 : type == TPR_Q3_K ? 108 : type == TPR_Q6_K ? 208 : 0;
    const int minimum_at = d_at + 2;
    const int8_t *inputs = map->input.bytes + m0 * map->columns;
    const float *scales = map->input.scales + m0 * map->columns / 256;
    const int16_t *sums = map->input.sums + m0 * map->columns / 16;
    const uint8_t *weight = map->weight + n0 * map->row_bytes;
    __m256 acc[8];
#pragma unroll
    for (int i = 0; i < M * N; i++) { acc[i] = _mm256_setzero_ps(); }
    size_t count = map->columns / 256;
    for (size_t b = 0; b < count; b++, weight += bytes) {
#pragma unroll
        for (int n = 0; n < N; n++) {
            const uint8_t *block = weight + (size_t)n * map->row_bytes;
            if (M == 1) {
                // The same place in the next tile, which the processor does not foresee.
#pragma unroll
                for (size_t line = 0; line < bytes; line += 64) {
                    _mm_prefetch((const char *)(block + (size_t)N * map->row_bytes + line), _MM_HINT_T1);
                }
            }
            block_state state;
            load_state(type, block, &state);
            __m256i total[8];
#pragma unroll
            for (int m = 0; m < M; m++) { total[m] = _mm256_setzero_si256(); }
#pragma unroll
            for (int c = 0; c < 8; c++) {
                __m256i w = run_values(type, block, &state, c);
                __m256i scale = run_scales(type, &state, c);
#pragma unroll
                for (int m = 0; m < M; m++) {
                    const void *from = inputs + (size_t)m * map->columns + 256 * b + 32 * (size_t)c;
                    __m256i pairs = _mm256_maddubs_epi16(w, _mm256_loadu_si256((const __m256i *)from));
                    total[m] = _mm256_add_epi32(total[m], _mm256_madd_epi16(pairs, scale));
                }
            }
            __m256 d = tpr_half8_avx2(block + d_at);
            __m256 minimum = has_minimum ? tpr_half8_avx2(block + minimum_at) : d;
#pragma unroll
            for (int m = 0; m < M; m++) {
                size_t at = (size_t)m * map->columns;
                const void *from = sums + at / 16 + 16 * b;
                __m256i x_sums = _mm256_loadu_si256((const __m256i *)from);
                __m256 x_scale = _mm256_broadcast_ss(scales + at / 256 + b);
                if (shift) {
                    __m256i offset = _mm256_slli_epi32(_mm256_madd_epi16(state.natural, x_sums), shift);
                    total[m] = _mm256_sub_epi32(total[m], offset);
                }
                __m256 factor = _mm256_mul_ps(d, x_scale);
                acc[m * N + n] = _mm256_fmadd_ps(factor, _mm256_cvtepi32_ps(total[m]), acc[m * N + n]);
                if (has_minimum) {
                    factor = _mm256_mul_ps(minimum, x_scale);
                    __m256 weighted = _mm256_cvtepi32_ps(_mm256_madd_epi16(state.minima, x_sums));
                    acc[m * N + n] = _mm256_fnmadd_ps(factor, weighted, acc[m * N + n]);
                }
            }
        }
    }
    tpr_finish_avx2(map, m0, n0, M, N, acc);
}

#define TILE(name, type, bytes, M, N)                                                                                  \
    TPR_AVX2 static void name##_##M##x##N(const tpr_linear *map, size_t m0, size_t n0) {                               \
        tile(type, bytes, M, N, map, m0, n0);                                                                          \
    }

#define TILES(name, type)                                                                                              \
    TILE(name, type, sizeof(tpr_##name), 1, 4)                                                                         \
    TILE(name, type, sizeof(tpr_##name), 2, 2)                                                                         \
    TILE(name, type, sizeof(tpr_##name), 3, 2)                                                                         \
    TILE(name, type, sizeof(tpr_##name), 4, 2)                                                                         \
    TILE(name, type, sizeof(tpr_##name), 1, 1)                                                                         \
    TILE(name, type, sizeof(tpr_##name), 2, 1)                                                                         \
    TILE(name, type, sizeof(tpr_##name), 3, 1)                                                                         \
    TILE(name, type, sizeof(tpr_##name), 4, 1)                                                                         \
    TILE(name, type, sizeof(tpr_##name), 8, 1)                                                                         \
    static const tpr_tiles_avx2 name##_tiles = {                                                                       \
        {4, 2, 2, 2},                                                                                                  \
        {name##_1x4, name##_2x2, name##_3x2, name##_4x2},                                                              \
        {name##_1x1, name##_2x1, name##_3x1, name##_4x1},                                                              \
        name##_8x1,                                                                                                    \
    };

TILES(q2_k, TPR_Q2_K)
TILES(q3_k, TPR_Q3_K)
TILES(q4_k, TPR_Q4_K)
TILES(q5_k, TPR_Q5_K)
TILES(q6_k, TPR_Q6_K)

void tpr_linear_blocks256_avx2(const tpr_linear *map, size_t first, size_t last) {
    const tpr_tiles_avx2 *tiles;
    switch (map->type) {
    case TPR_Q2_K: tiles = &q2_k_tiles; break;
    case TPR_Q3_K: tiles = &q3_k_tiles; break;
    case TPR_Q4_K: tiles = &q4_k_tiles; break;
    case TPR_Q5_K: tiles = &q5_k_tiles; break;
    default: tiles = &q6_k_tiles; break;
    }
    tpr_run_tiles_avx2(tiles, map, first, last);
}

#endif
