// SPDX-License-Identifier: Apache-2.0
// Panels: weights of 16 outputs by 256 columns, unpacked to 16-bit numbers for many rows of input.
#ifndef TPR_PANELS_AVX2_H
#define TPR_PANELS_AVX2_H

#include "tpr_unpack_avx2.h"

#if defined(__x86_64__)

/// Outputs and columns of a panel, and the most rows that are multiplied by it before the next is unpacked.
enum { TPR_PANEL_OUTPUTS = 16, TPR_PANEL_COLUMNS = 256, TPR_PANEL_ROWS = 256 };

typedef struct {
    _Alignas(64) int16_t weights[TPR_PANEL_COLUMNS / 2][TPR_PANEL_OUTPUTS][2];
    _Alignas(64) float scales[TPR_PANEL_COLUMNS / 32][TPR_PANEL_OUTPUTS]; // per 32 columns, or the first for all
    _Alignas(64) float minima[TPR_PANEL_COLUMNS / 32][TPR_PANEL_OUTPUTS];
    _Alignas(64) int16_t pair_minima[TPR_PANEL_COLUMNS / 32][TPR_PANEL_OUTPUTS][2]; // blocks of 256: per 16 columns
} tpr_panel;

/// What differs between formats.
typedef struct {
    uint32_t type;
    size_t bytes;
    int is_super, has_minimum;
} tpr_panel_format;

/// Rows and columns of 32-bit elements exchanged.
TPR_AVX2_INLINE void tpr_transpose_avx2(__m256i v[8]) {
    __m256i a[8], b[8];
#pragma unroll
    for (int i = 0; i < 8; i += 2) {
        a[i] = _mm256_unpacklo_epi32(v[i], v[i + 1]);
        a[i + 1] = _mm256_unpackhi_epi32(v[i], v[i + 1]);
    }
#pragma unroll
    for (int i = 0; i < 8; i += 4) {
        b[i] = _mm256_unpacklo_epi64(a[i], a[i + 2]);
        b[i + 1] = _mm256_unpackhi_epi64(a[i], a[i + 2]);
        b[i + 2] = _mm256_unpacklo_epi64(a[i + 1], a[i + 3]);
        b[i + 3] = _mm256_unpackhi_epi64(a[i + 1], a[i + 3]);
    }
#pragma unroll
    for (int i = 0; i < 4; i++) {
        v[i] = _mm256_permute2x128_si256(b[i], b[i + 4], 0x20);
        v[i + 4] = _mm256_permute2x128_si256(b[i], b[i + 4], 0x31);
    }
}

/// The lower and the upper two of each four bytes, as signed 16-bit numbers.
TPR_AVX2_INLINE __m256i tpr_lower_two_avx2(__m256i bytes) {
    const __m256i at = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(-1, 0, -1, 1, -1, 4, -1, 5, -1, 8, -1, 9, -1, 12, -1, 13));
    return _mm256_srai_epi16(_mm256_shuffle_epi8(bytes, at), 8);
}

TPR_AVX2_INLINE __m256i tpr_upper_two_avx2(__m256i bytes) {
    const __m256i at = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(-1, 2, -1, 3, -1, 6, -1, 7, -1, 10, -1, 11, -1, 14, -1, 15));
    return _mm256_srai_epi16(_mm256_shuffle_epi8(bytes, at), 8);
}

TPR_AVX2_INLINE void tpr_store32_avx2(void *at, __m256i v) { _mm256_store_si256((__m256i *)at, v); }

/// Blocks of 32 of eight outputs, from byte `at` of each row on, to outputs `n`... of the panel.
TPR_AVX2_INLINE void tpr_pack32_avx2(uint32_t type, size_t bytes, const tpr_eight *rows, size_t at, size_t columns,
                                     size_t n, tpr_panel *into) {
    const char offset = type == TPR_Q4_0 ? 8 : type == TPR_Q5_0 ? 16 : 0;
    for (size_t b = 0; b < columns / 32; b++, at += bytes) {
        __m256i v[8];
#pragma unroll
        for (int i = 0; i < 8; i++) {
            v[i] = tpr_values32_avx2(type, rows->row[i] + at);
            if (offset) { v[i] = _mm256_sub_epi8(v[i], _mm256_set1_epi8(offset)); }
        }
        tpr_transpose_avx2(v);
#pragma unroll
        for (size_t j = 0; j < 8; j++) {
            tpr_store32_avx2(into->weights[16 * b + 2 * j] + n, tpr_lower_two_avx2(v[j]));
            tpr_store32_avx2(into->weights[16 * b + 2 * j + 1] + n, tpr_upper_two_avx2(v[j]));
        }
        _mm256_store_ps(into->scales[b] + n, tpr_eight_halves_avx2(rows, at));
        if (type == TPR_Q4_1 || type == TPR_Q5_1) {
            _mm256_store_ps(into->minima[b] + n, tpr_eight_halves_avx2(rows, at + 2));
        }
    }
}

/// A block of 256 of eight outputs, the same way, times its 16-bit scales.
TPR_AVX2_INLINE void tpr_pack256_avx2(uint32_t type, const tpr_eight *rows, size_t at, size_t n, tpr_panel *into) {
    const int has_minimum = type == TPR_Q2_K || type == TPR_Q4_K || type == TPR_Q5_K;
    const char offset = type == TPR_Q6_K ? 32 : type == TPR_Q3_K ? 4 : 0;
    const size_t d_at = type == TPR_Q2_K ? 80 : type == TPR_Q3_K ? 108 : type == TPR_Q6_K ? 208 : 0;
    tpr_state256 states[8];
    __m256i scales[8], minima[8];
#pragma unroll
    for (int i = 0; i < 8; i++) {
        tpr_load_state256_avx2(type, rows->row[i] + at, &states[i]);
        scales[i] = states[i].scales;
        if (has_minimum) { minima[i] = states[i].minima; }
    }
    tpr_transpose_avx2(scales);
    if (has_minimum) {
        tpr_transpose_avx2(minima);
#pragma unroll
        for (int i = 0; i < 8; i++) { tpr_store32_avx2(into->pair_minima[i] + n, minima[i]); }
        _mm256_store_ps(into->minima[0] + n, tpr_eight_halves_avx2(rows, at + d_at + 2));
    }
    _mm256_store_ps(into->scales[0] + n, tpr_eight_halves_avx2(rows, at + d_at));
#pragma unroll
    for (int c = 0; c < 8; c++) {
        __m256i v[8];
#pragma unroll
        for (int i = 0; i < 8; i++) {
            v[i] = tpr_run_values_avx2(type, rows->row[i] + at, &states[i], c);
            if (offset) { v[i] = _mm256_sub_epi8(v[i], _mm256_set1_epi8(offset)); }
        }
        tpr_transpose_avx2(v);
        __m256i first = _mm256_or_si256(_mm256_and_si256(scales[c], _mm256_set1_epi32(0xffff)),
                                        _mm256_slli_epi32(scales[c], 16));
        __m256i second = _mm256_or_si256(_mm256_and_si256(scales[c], _mm256_set1_epi32((int)0xffff0000)),
                                         _mm256_srli_epi32(scales[c], 16));
#pragma unroll
        for (size_t j = 0; j < 8; j++) {
            __m256i scale = j < 4 ? first : second;
            size_t pair = 16 * (size_t)c + 2 * j;
            tpr_store32_avx2(into->weights[pair] + n, _mm256_mullo_epi16(tpr_lower_two_avx2(v[j]), scale));
            tpr_store32_avx2(into->weights[pair + 1] + n, _mm256_mullo_epi16(tpr_upper_two_avx2(v[j]), scale));
        }
    }
}

/// Where a tile's input stands, at the panel's first column.
typedef struct {
    const int8_t *bytes;
    const float *scales;
    const int16_t *sums;
    size_t byte_stride, scale_stride, sum_stride;
} tpr_panel_input;

/// Two columns of input in all lanes.
TPR_AVX2_INLINE __m256i tpr_two_columns_avx2(const int16_t *at) {
    int both;
    memcpy(&both, at, sizeof both);
    return _mm256_set1_epi32(both);
}

#endif
#endif
