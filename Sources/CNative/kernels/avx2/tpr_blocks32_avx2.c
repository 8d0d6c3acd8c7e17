// SPDX-License-Identifier: Apache-2.0
// Linear maps of weights in blocks of 32: bytes times bytes, four products to a lane, one multiply-add per block.
#include "tpr_avx2.h"

#if defined(__x86_64__)

#pragma STDC FP_CONTRACT OFF

/// 16 bytes of nibbles as 32 bytes: low nibbles, then high ones.
TPR_AVX2_INLINE __m256i nibbles(const uint8_t *at) {
    __m256i both = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)at));
    __m256i shifted = _mm256_srlv_epi32(both, _mm256_setr_epi32(0, 0, 0, 0, 4, 4, 4, 4));
    return _mm256_and_si256(shifted, _mm256_set1_epi8(15));
}

/// 32 bits as bytes of 16 or 0.
TPR_AVX2_INLINE __m256i fifth_bits(const uint8_t *at) {
    uint32_t bits;
    memcpy(&bits, at, sizeof bits);
    const __m256i which_byte = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i which_bit = _mm256_set1_epi64x((long long)0x8040201008040201);
    __m256i spread = _mm256_shuffle_epi8(_mm256_set1_epi32((int)bits), which_byte);
    __m256i is_set = _mm256_cmpeq_epi8(_mm256_and_si256(spread, which_bit), which_bit);
    return _mm256_and_si256(is_set, _mm256_set1_epi8(16));
}

/// The values of a block: signed for Q8_0, else unsigned, before the offset.
TPR_AVX2_INLINE __m256i values(uint32_t type, const uint8_t *block) {
    switch (type) {
    case TPR_Q4_0: return nibbles(block + 2);
    case TPR_Q4_1: return nibbles(block + 4);
    case TPR_Q5_0: return _mm256_or_si256(nibbles(block + 6), fifth_bits(block + 2));
    case TPR_Q5_1: return _mm256_or_si256(nibbles(block + 8), fifth_bits(block + 4));
    default: return _mm256_loadu_si256((const __m256i *)(const void *)(block + 2));
    }
}

/// The scales of 4 rows at one block, in both halves.
TPR_AVX2_INLINE __m256 four_scales(const uint8_t *block, size_t stride) {
    __m128i halves = _mm_cvtsi32_si128(tpr_load16(block));
    halves = _mm_insert_epi16(halves, tpr_load16(block + stride), 1);
    halves = _mm_insert_epi16(halves, tpr_load16(block + 2 * stride), 2);
    halves = _mm_insert_epi16(halves, tpr_load16(block + 3 * stride), 3);
    __m128 scales = _mm_cvtph_ps(halves);
    return _mm256_insertf128_ps(_mm256_castps128_ps256(scales), scales, 1);
}

/// Element n of each half in all lanes.
TPR_AVX2_INLINE __m256 pick(__m256 scales, int n) {
    switch (n) {
    case 0: return _mm256_permute_ps(scales, 0x00);
    case 1: return _mm256_permute_ps(scales, 0x55);
    case 2: return _mm256_permute_ps(scales, 0xaa);
    default: return _mm256_permute_ps(scales, 0xff);
    }
}

/// Products of a block, summed by four. Pairs stay below 2^15: at most 2 * 128 * 127.
TPR_AVX2_INLINE __m256i dot_signed(__m256i magnitude, __m256i signs, __m256i input) {
    __m256i pairs = _mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(input, signs));
    return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

TPR_AVX2_INLINE __m256i load32(const void *at) { return _mm256_loadu_si256((const __m256i *)at); }

/// Sums of four inputs, one to a lane.
TPR_AVX2_INLINE __m256i load_sums(const int16_t *at) {
    return _mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)(const void *)at));
}

/// One row by 4 outputs: their scales are converted together, offsets are subtracted by the sums of the input.
TPR_AVX2_INLINE void row_tile(uint32_t type, size_t bytes, const tpr_linear *map, size_t m0, size_t n0) {
    const int has_minimum = type == TPR_Q4_1 || type == TPR_Q5_1;
    const int shift = type == TPR_Q4_0 ? 3 : type == TPR_Q5_0 ? 4 : 0; // offset 8 or 16
    const int8_t *inputs = map->input.bytes + m0 * map->columns;
    const float *scales = map->input.scales + m0 * map->columns / 32;
    const int16_t *sums = map->input.sums + m0 * map->columns / 4;
    const uint8_t *weight = map->weight + n0 * map->row_bytes;
    __m256 acc[4];
#pragma unroll
    for (int n = 0; n < 4; n++) { acc[n] = _mm256_setzero_ps(); }
    size_t count = map->columns / 32;
    for (size_t b = 0; b < count; b++, weight += bytes) {
        __m256i x = load32(inputs + 32 * b);
        __m256i x_sums = has_minimum || shift ? load_sums(sums + 8 * b) : x;
        __m256 x_scale = _mm256_broadcast_ss(scales + b);
        __m256 factors = _mm256_mul_ps(four_scales(weight, map->row_bytes), x_scale);
        __m256 minima = has_minimum ? _mm256_mul_ps(four_scales(weight + 2, map->row_bytes), x_scale) : factors;
        __m256 lanes = has_minimum ? _mm256_cvtepi32_ps(x_sums) : factors;
        __m256i offset = shift ? _mm256_slli_epi32(x_sums, shift) : x_sums;
#pragma unroll
        for (int n = 0; n < 4; n++) {
            const uint8_t *block = weight + (size_t)n * map->row_bytes;
            // The same place in the next tile, which the processor does not foresee.
            _mm_prefetch((const char *)(block + 4 * map->row_bytes), _MM_HINT_T1);
            __m256i w = values(type, block);
            __m256i sum;
            if (type == TPR_Q8_0) {
                sum = dot_signed(_mm256_abs_epi8(w), w, x);
            } else {
                sum = _mm256_madd_epi16(_mm256_maddubs_epi16(w, x), _mm256_set1_epi16(1));
                if (shift) { sum = _mm256_sub_epi32(sum, offset); }
            }
            acc[n] = _mm256_fmadd_ps(pick(factors, n), _mm256_cvtepi32_ps(sum), acc[n]);
            if (has_minimum) { acc[n] = _mm256_fmadd_ps(pick(minima, n), lanes, acc[n]); }
        }
    }
    tpr_finish_avx2(map, m0, n0, 1, 4, acc);
}

/// Several rows: what a block needs is made once for all of them; offsets are taken off the weights.
TPR_AVX2_INLINE void tile(uint32_t type, size_t bytes, int M, int N, const tpr_linear *map, size_t m0, size_t n0) {
    const int has_minimum = type == TPR_Q4_1 || type == TPR_Q5_1;
    const char offset = type == TPR_Q4_0 ? 8 : type == TPR_Q5_0 ? 16 : 0;
    const int8_t *inputs = map->input.bytes + m0 * map->columns;
    const float *scales = map->input.scales + m0 * map->columns / 32;
    const int16_t *sums = map->input.sums + m0 * map->columns / 4;
    const uint8_t *weight = map->weight + n0 * map->row_bytes;
    __m256 acc[8];
#pragma unroll
    for (int i = 0; i < M * N; i++) { acc[i] = _mm256_setzero_ps(); }
    size_t count = map->columns / 32;
    for (size_t b = 0; b < count; b++, weight += bytes) {
#pragma unroll
        for (int n = 0; n < N; n++) {
            // Inputs are loaded again for each output: kept, they would push accumulators out of the registers.
            __asm__ volatile("" ::: "memory");
            const uint8_t *block = weight + (size_t)n * map->row_bytes;
            __m256i w = values(type, block);
            if (offset) { w = _mm256_sub_epi8(w, _mm256_set1_epi8(offset)); }
            __m256i magnitude = has_minimum ? w : _mm256_abs_epi8(w);
            __m256 scale = tpr_half8_avx2(block);
            __m256 minimum = has_minimum ? tpr_half8_avx2(block + 2) : scale;
#pragma unroll
            for (int m = 0; m < M; m++) {
                size_t at = (size_t)m * map->columns;
                __m256i x = load32(inputs + at + 32 * b);
                __m256i sum = has_minimum ? _mm256_madd_epi16(_mm256_maddubs_epi16(w, x), _mm256_set1_epi16(1))
                                          : dot_signed(magnitude, w, x);
                __m256 x_scale = _mm256_broadcast_ss(scales + at / 32 + b);
                acc[m * N + n] =
                    _mm256_fmadd_ps(_mm256_mul_ps(scale, x_scale), _mm256_cvtepi32_ps(sum), acc[m * N + n]);
                if (has_minimum) {
                    __m256 lanes = _mm256_cvtepi32_ps(load_sums(sums + at / 4 + 8 * b));
                    acc[m * N + n] = _mm256_fmadd_ps(_mm256_mul_ps(minimum, x_scale), lanes, acc[m * N + n]);
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
    TPR_AVX2 static void name##_1x4(const tpr_linear *map, size_t m0, size_t n0) {                                     \
        row_tile(type, sizeof(tpr_##name), map, m0, n0);                                                               \
    }                                                                                                                  \
    TILE(name, type, sizeof(tpr_##name), 2, 4)                                                                         \
    TILE(name, type, sizeof(tpr_##name), 3, 2)                                                                         \
    TILE(name, type, sizeof(tpr_##name), 4, 2)                                                                         \
    TILE(name, type, sizeof(tpr_##name), 1, 1)                                                                         \
    TILE(name, type, sizeof(tpr_##name), 2, 1)                                                                         \
    TILE(name, type, sizeof(tpr_##name), 3, 1)                                                                         \
    TILE(name, type, sizeof(tpr_##name), 4, 1)                                                                         \
    TILE(name, type, sizeof(tpr_##name), 8, 1)                                                                         \
    static const tpr_tiles_avx2 name##_tiles = {                                                                       \
        {4, 4, 2, 2},                                                                                                  \
        {name##_1x4, name##_2x4, name##_3x2, name##_4x2},                                                              \
        {name##_1x1, name##_2x1, name##_3x1, name##_4x1},                                                              \
        name##_8x1,                                                                                                    \
    };

TILES(q4_0, TPR_Q4_0)
TILES(q4_1, TPR_Q4_1)
TILES(q5_0, TPR_Q5_0)
TILES(q5_1, TPR_Q5_1)
TILES(q8_0, TPR_Q8_0)

void tpr_linear_blocks32_avx2(const tpr_linear *map, size_t first, size_t last) {
    const tpr_tiles_avx2 *tiles;
    switch (map->type) {
    case TPR_Q4_0: tiles = &q4_0_tiles; break;
    case TPR_Q4_1: tiles = &q4_1_tiles; break;
    case TPR_Q5_0: tiles = &q5_0_tiles; break;
    case TPR_Q5_1: tiles = &q5_1_tiles; break;
    default: tiles = &q8_0_tiles; break;
    }
    tpr_run_tiles_avx2(tiles, map, first, last);
}

#endif
