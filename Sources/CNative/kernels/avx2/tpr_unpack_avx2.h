// SPDX-License-Identifier: Apache-2.0
// What is common to the linear maps of quantized weights: eight outputs go together, and these are the values of their
// blocks, as bytes.
#ifndef TPR_UNPACK_AVX2_H
#define TPR_UNPACK_AVX2_H

#include "tpr_avx2.h"

#if defined(__x86_64__)

TPR_AVX2_INLINE __m256i tpr_load32_avx2(const void *at) { return _mm256_loadu_si256((const __m256i *)at); }

/// Eight rows of a weight; where fewer are left, the last one again.
typedef struct {
    const uint8_t *row[8];
} tpr_eight;

TPR_AVX2_INLINE tpr_eight tpr_eight_rows_avx2(const tpr_linear *map, size_t first, size_t width) {
    tpr_eight rows;
    for (size_t n = 0; n < 8; n++) {
        rows.row[n] = map->weight + (first + (n < width ? n : width - 1)) * map->row_bytes;
    }
    return rows;
}

/// The binary16 numbers `at` bytes into each row.
TPR_AVX2_INLINE __m256 tpr_eight_halves_avx2(const tpr_eight *rows, size_t at) {
    __m128i halves = _mm_cvtsi32_si128(tpr_load16(rows->row[0] + at));
    halves = _mm_insert_epi16(halves, tpr_load16(rows->row[1] + at), 1);
    halves = _mm_insert_epi16(halves, tpr_load16(rows->row[2] + at), 2);
    halves = _mm_insert_epi16(halves, tpr_load16(rows->row[3] + at), 3);
    halves = _mm_insert_epi16(halves, tpr_load16(rows->row[4] + at), 4);
    halves = _mm_insert_epi16(halves, tpr_load16(rows->row[5] + at), 5);
    halves = _mm_insert_epi16(halves, tpr_load16(rows->row[6] + at), 6);
    halves = _mm_insert_epi16(halves, tpr_load16(rows->row[7] + at), 7);
    return _mm256_cvtph_ps(halves);
}

/// The sums of the eight lanes of eight vectors, in order.
TPR_AVX2_INLINE __m256i tpr_eight_sums_avx2(const __m256i v[8]) {
    __m256i a = _mm256_hadd_epi32(_mm256_hadd_epi32(v[0], v[1]), _mm256_hadd_epi32(v[2], v[3]));
    __m256i b = _mm256_hadd_epi32(_mm256_hadd_epi32(v[4], v[5]), _mm256_hadd_epi32(v[6], v[7]));
    return _mm256_add_epi32(_mm256_permute2x128_si256(a, b, 0x20), _mm256_permute2x128_si256(a, b, 0x31));
}

/// `width` sums, with the bias, to the output.
TPR_AVX2_INLINE void tpr_store_eight_avx2(const tpr_linear *map, size_t m, size_t n, size_t width, __m256 sums) {
    float *output = map->output + m * map->output_stride + n;
    if (width == 8) {
        if (map->bias) { sums = _mm256_add_ps(sums, _mm256_loadu_ps(map->bias + n)); }
        _mm256_storeu_ps(output, sums);
        return;
    }
    float each[8];
    _mm256_storeu_ps(each, sums);
    for (size_t i = 0; i < width; i++) { output[i] = map->bias ? each[i] + map->bias[n + i] : each[i]; }
}

// Blocks of 32.

/// The sum of a block of input, of which the sums of each four are given, in all lanes.
TPR_AVX2_INLINE __m256i tpr_input_sum_avx2(const int16_t *fours) {
    __m128i sum = _mm_madd_epi16(_mm_loadu_si128((const __m128i *)(const void *)fours), _mm_set1_epi16(1));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
    return _mm256_broadcastd_epi32(_mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1)));
}

/// 16 bytes of nibbles as 32 bytes: low nibbles, then high ones.
TPR_AVX2_INLINE __m256i tpr_nibbles_avx2(const uint8_t *at) {
    __m256i both = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)at));
    __m256i shifted = _mm256_srlv_epi32(both, _mm256_setr_epi32(0, 0, 0, 0, 4, 4, 4, 4));
    return _mm256_and_si256(shifted, _mm256_set1_epi8(15));
}

/// 32 bits as bytes of 16 or 0.
TPR_AVX2_INLINE __m256i tpr_fifth_bits_avx2(const uint8_t *at) {
    uint32_t bits;
    memcpy(&bits, at, sizeof bits);
    const __m256i which_byte = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i which_bit = _mm256_set1_epi64x((long long)0x8040201008040201);
    __m256i spread = _mm256_shuffle_epi8(_mm256_set1_epi32((int)bits), which_byte);
    __m256i is_set = _mm256_cmpeq_epi8(_mm256_and_si256(spread, which_bit), which_bit);
    return _mm256_and_si256(is_set, _mm256_set1_epi8(16));
}

/// The values of a block of 32: signed for Q8_0, else unsigned, before the offset.
TPR_AVX2_INLINE __m256i tpr_values32_avx2(uint32_t type, const uint8_t *block) {
    switch (type) {
    case TPR_Q4_0: return tpr_nibbles_avx2(block + 2);
    case TPR_Q4_1: return tpr_nibbles_avx2(block + 4);
    case TPR_Q5_0: return _mm256_or_si256(tpr_nibbles_avx2(block + 6), tpr_fifth_bits_avx2(block + 2));
    case TPR_Q5_1: return _mm256_or_si256(tpr_nibbles_avx2(block + 8), tpr_fifth_bits_avx2(block + 4));
    default: return tpr_load32_avx2(block + 2);
    }
}

// Blocks of 256.

/// What a block needs beside its values.
typedef struct {
    __m256i scales; // 16-bit, one per 16 elements
    __m256i minima; // the same, where there are any
    __m256i high;   // bits that belong to all runs
} tpr_state256;

/// Eight bytes as 16-bit numbers, each twice.
TPR_AVX2_INLINE __m256i tpr_twice_avx2(uint64_t bytes) {
    __m256i wide = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)bytes));
    return _mm256_or_si256(wide, _mm256_slli_epi32(wide, 16));
}

/// The 6-bit scales and minima of Q4_K and Q5_K.
TPR_AVX2_INLINE void tpr_scales_mins_avx2(const uint8_t *packed, tpr_state256 *state) {
    uint32_t a, b, c;
    memcpy(&a, packed, 4);
    memcpy(&b, packed + 4, 4);
    memcpy(&c, packed + 8, 4);
    state->scales = tpr_twice_avx2((a & 0x3f3f3f3f) | (uint64_t)((c & 0x0f0f0f0f) | ((a >> 2) & 0x30303030)) << 32);
    state->minima =
        tpr_twice_avx2((b & 0x3f3f3f3f) | (uint64_t)(((c >> 4) & 0x0f0f0f0f) | ((b >> 2) & 0x30303030)) << 32);
}

TPR_AVX2_INLINE void tpr_load_state256_avx2(uint32_t type, const uint8_t *block, tpr_state256 *state) {
    switch (type) {
    case TPR_Q4_K: tpr_scales_mins_avx2(block + 4, state); break;
    case TPR_Q5_K:
        tpr_scales_mins_avx2(block + 4, state);
        state->high = tpr_load32_avx2(block + 16);
        break;
    case TPR_Q2_K: {
        __m128i packed = _mm_loadu_si128((const __m128i *)(const void *)block);
        __m128i low = _mm_set1_epi8(15);
        state->scales = _mm256_cvtepu8_epi16(_mm_and_si128(packed, low));
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
        state->scales = _mm256_cvtepi8_epi16(_mm_sub_epi8(packed, _mm_set1_epi8(32)));
        state->high = tpr_load32_avx2(block);
        break;
    }
    default:
        state->scales = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)(block + 192)));
        break;
    }
}

/// Bit `from` of each byte moved to bit `to`, alone.
TPR_AVX2_INLINE __m256i tpr_move_bits_avx2(__m256i bytes, int from, int to, char mask) {
    __m256i moved = from < to ? _mm256_slli_epi16(bytes, to - from) : _mm256_srli_epi16(bytes, from - to);
    return _mm256_and_si256(moved, _mm256_set1_epi8(mask));
}

/// The 32 unsigned values of run c, before the offset.
TPR_AVX2_INLINE __m256i tpr_run_values_avx2(uint32_t type, const uint8_t *block, const tpr_state256 *state, int c) {
    const __m256i low = _mm256_set1_epi8(15);
    switch (type) {
    case TPR_Q4_K: return tpr_move_bits_avx2(tpr_load32_avx2(block + 16 + c / 2 * 32), c % 2 * 4, 0, 15);
    case TPR_Q5_K: {
        __m256i nibbles = tpr_move_bits_avx2(tpr_load32_avx2(block + 48 + c / 2 * 32), c % 2 * 4, 0, 15);
        return _mm256_or_si256(nibbles, tpr_move_bits_avx2(state->high, c, 4, 16));
    }
    case TPR_Q2_K: return tpr_move_bits_avx2(tpr_load32_avx2(block + 16 + c / 4 * 32), c % 4 * 2, 0, 3);
    case TPR_Q3_K: {
        __m256i pairs = tpr_move_bits_avx2(tpr_load32_avx2(block + 32 + c / 4 * 32), c % 4 * 2, 0, 3);
        return _mm256_or_si256(pairs, tpr_move_bits_avx2(state->high, c, 2, 4));
    }
    default: {
        __m256i nibbles = tpr_load32_avx2(block + c / 4 * 64 + c % 2 * 32);
        nibbles = _mm256_and_si256(c % 4 < 2 ? nibbles : _mm256_srli_epi16(nibbles, 4), low);
        return _mm256_or_si256(
            nibbles, tpr_move_bits_avx2(tpr_load32_avx2(block + 128 + c / 4 * 32), c % 4 * 2, 4, 0x30));
    }
    }
}

#endif
#endif
