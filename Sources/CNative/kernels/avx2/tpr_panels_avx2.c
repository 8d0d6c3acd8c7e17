// SPDX-License-Identifier: Apache-2.0
// Linear maps of quantized weights for many rows of input. Weights of 16 outputs by 256 columns are unpacked once into a
// panel of 16-bit numbers, two columns of an output side by side, and all rows are multiplied by it: two products to a
// lane, a lane to an output. Scales that are whole numbers are multiplied in, so that one kernel serves all formats.
#include "tpr_unpack_avx2.h"

#if defined(__x86_64__)

#pragma STDC FP_CONTRACT OFF

enum { OUTPUTS = 16, COLUMNS = 256, ROWS = 256, TILE = 4 };

typedef struct {
    _Alignas(32) int16_t weights[COLUMNS / 2][OUTPUTS][2];
    _Alignas(32) float scales[COLUMNS / 32][OUTPUTS]; // per 32 columns, or the first for all
    _Alignas(32) float minima[COLUMNS / 32][OUTPUTS];
    _Alignas(32) int16_t pair_minima[COLUMNS / 32][OUTPUTS][2]; // blocks of 256: per 16 columns
} panel;

/// What differs between formats.
typedef struct {
    uint32_t type;
    size_t bytes;
    int is_super, has_minimum;
} format;

/// Rows and columns of 32-bit elements exchanged.
TPR_AVX2_INLINE void transpose(__m256i v[8]) {
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
TPR_AVX2_INLINE __m256i lower_two(__m256i bytes) {
    const __m256i at = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(-1, 0, -1, 1, -1, 4, -1, 5, -1, 8, -1, 9, -1, 12, -1, 13));
    return _mm256_srai_epi16(_mm256_shuffle_epi8(bytes, at), 8);
}

TPR_AVX2_INLINE __m256i upper_two(__m256i bytes) {
    const __m256i at = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(-1, 2, -1, 3, -1, 6, -1, 7, -1, 10, -1, 11, -1, 14, -1, 15));
    return _mm256_srai_epi16(_mm256_shuffle_epi8(bytes, at), 8);
}

TPR_AVX2_INLINE void store(void *at, __m256i v) { _mm256_store_si256((__m256i *)at, v); }

/// Blocks of 32 of eight outputs, from byte `at` of each row on, to outputs `n`... of the panel.
TPR_AVX2_INLINE void pack32(uint32_t type, size_t bytes, const tpr_eight *rows, size_t at, size_t columns, size_t n,
                            panel *into) {
    const char offset = type == TPR_Q4_0 ? 8 : type == TPR_Q5_0 ? 16 : 0;
    for (size_t b = 0; b < columns / 32; b++, at += bytes) {
        __m256i v[8];
#pragma unroll
        for (int i = 0; i < 8; i++) {
            v[i] = tpr_values32_avx2(type, rows->row[i] + at);
            if (offset) { v[i] = _mm256_sub_epi8(v[i], _mm256_set1_epi8(offset)); }
        }
        transpose(v);
#pragma unroll
        for (size_t j = 0; j < 8; j++) {
            store(into->weights[16 * b + 2 * j] + n, lower_two(v[j]));
            store(into->weights[16 * b + 2 * j + 1] + n, upper_two(v[j]));
        }
        _mm256_store_ps(into->scales[b] + n, tpr_eight_halves_avx2(rows, at));
        if (type == TPR_Q4_1 || type == TPR_Q5_1) {
            _mm256_store_ps(into->minima[b] + n, tpr_eight_halves_avx2(rows, at + 2));
        }
    }
}

/// A block of 256 of eight outputs, the same way, times its 16-bit scales.
TPR_AVX2_INLINE void pack256(uint32_t type, const tpr_eight *rows, size_t at, size_t n, panel *into) {
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
    transpose(scales);
    if (has_minimum) {
        transpose(minima);
#pragma unroll
        for (int i = 0; i < 8; i++) { store(into->pair_minima[i] + n, minima[i]); }
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
        transpose(v);
        __m256i first = _mm256_or_si256(_mm256_and_si256(scales[c], _mm256_set1_epi32(0xffff)),
                                        _mm256_slli_epi32(scales[c], 16));
        __m256i second = _mm256_or_si256(_mm256_and_si256(scales[c], _mm256_set1_epi32((int)0xffff0000)),
                                         _mm256_srli_epi32(scales[c], 16));
#pragma unroll
        for (size_t j = 0; j < 8; j++) {
            __m256i scale = j < 4 ? first : second;
            size_t pair = 16 * (size_t)c + 2 * j;
            store(into->weights[pair] + n, _mm256_mullo_epi16(lower_two(v[j]), scale));
            store(into->weights[pair + 1] + n, _mm256_mullo_epi16(upper_two(v[j]), scale));
        }
    }
}

/// Where a tile's input stands, at the panel's first column.
typedef struct {
    const int8_t *bytes;
    const float *scales;
    const int16_t *sums;
    size_t byte_stride, scale_stride, sum_stride;
} source;

/// Two columns of input in all lanes.
TPR_AVX2_INLINE __m256i two_columns(const int16_t *at) {
    int both;
    memcpy(&both, at, sizeof both);
    return _mm256_set1_epi32(both);
}

/// Adds what R rows get from `pairs` pairs of columns to whole sums. H: halves of the panel's outputs that exist, 1 or 2.
TPR_AVX2_INLINE void multiply(int R, int H, const panel *from, int16_t wide[TILE][COLUMNS], size_t pair, size_t pairs,
                              __m256i sums[TILE][2]) {
    for (size_t end = pair + pairs; pair < end; pair++) {
        __m256i left = _mm256_load_si256((const __m256i *)(const void *)from->weights[pair]);
        __m256i right = H == 2 ? _mm256_load_si256((const __m256i *)(const void *)(from->weights[pair] + 8)) : left;
#pragma unroll
        for (int r = 0; r < R; r++) {
            __m256i x = two_columns(wide[r] + 2 * pair);
            sums[r][0] = _mm256_add_epi32(sums[r][0], _mm256_madd_epi16(left, x));
            if (H == 2) { sums[r][1] = _mm256_add_epi32(sums[r][1], _mm256_madd_epi16(right, x)); }
        }
    }
}

/// acc += factor * whole sum; the factor is that of the weights times that of the input.
TPR_AVX2_INLINE void scale_in(int H, float *acc, const float *scales, __m256 input_scale, const __m256i sums[2]) {
#pragma unroll
    for (int h = 0; h < H; h++) {
        __m256 factor = _mm256_mul_ps(_mm256_load_ps(scales + 8 * h), input_scale);
        __m256 sum = _mm256_fmadd_ps(factor, _mm256_cvtepi32_ps(sums[h]), _mm256_load_ps(acc + 8 * h));
        _mm256_store_ps(acc + 8 * h, sum);
    }
}

/// R rows by a panel.
TPR_AVX2_INLINE void tile(int is_super, int has_minimum, int R, int H, const panel *from, size_t columns, const source *input,
                          float acc[][OUTPUTS]) {
    _Alignas(32) int16_t wide[TILE][COLUMNS];
#pragma unroll
    for (int r = 0; r < R; r++) {
        const int8_t *bytes = input->bytes + (size_t)r * input->byte_stride;
        for (size_t k = 0; k < columns; k += 16) {
            __m128i narrow = _mm_loadu_si128((const __m128i *)(const void *)(bytes + k));
            store(wide[r] + k, _mm256_cvtepi8_epi16(narrow));
        }
    }
    for (size_t b = 0; b < (is_super ? 1 : columns / 32); b++) {
        __m256i sums[TILE][2];
#pragma unroll
        for (int r = 0; r < R; r++) { sums[r][0] = sums[r][1] = _mm256_setzero_si256(); }
        multiply(R, H, from, wide, 16 * b, is_super ? COLUMNS / 2 : 16, sums);
#pragma unroll
        for (int r = 0; r < R; r++) {
            __m256 input_scale = _mm256_broadcast_ss(input->scales + (size_t)r * input->scale_stride + b);
            scale_in(H, acc[r], from->scales[b], input_scale, sums[r]);
            if (!has_minimum) { continue; }
            const int16_t *input_sums = input->sums + (size_t)r * input->sum_stride;
            __m256i weighted[2];
            if (is_super) {
                weighted[0] = weighted[1] = _mm256_setzero_si256();
                input_scale = _mm256_xor_ps(input_scale, _mm256_set1_ps(-0.0f)); // minima are subtracted
#pragma unroll
                for (int j = 0; j < 8; j++) {
                    __m256i x = two_columns(input_sums + 2 * j);
                    const __m256i *minima = (const __m256i *)(const void *)from->pair_minima[j];
                    weighted[0] = _mm256_add_epi32(weighted[0], _mm256_madd_epi16(_mm256_load_si256(minima), x));
                    weighted[1] = _mm256_add_epi32(weighted[1], _mm256_madd_epi16(_mm256_load_si256(minima + 1), x));
                }
            } else {
                weighted[0] = weighted[1] = tpr_input_sum_avx2(input_sums + 8 * b);
            }
            scale_in(H, acc[r], from->minima[b], input_scale, weighted);
        }
    }
}

/// 8 * H outputs from n0 on, of which `width` exist, and up to ROWS rows from m0 on.
TPR_AVX2_INLINE void strip(format f, int H, const tpr_linear *map, size_t m0, size_t rows, size_t n0, size_t width) {
    panel packed;
    _Alignas(32) float acc[ROWS][OUTPUTS];
    memset(acc, 0, rows * sizeof acc[0]);
    const size_t block = f.is_super ? 256 : 32, sums = f.is_super ? 16 : 8;
    const size_t blocks = map->columns / block;
    tpr_eight left = tpr_eight_rows_avx2(map, n0, width < 8 ? width : 8);
    tpr_eight right = H == 2 ? tpr_eight_rows_avx2(map, n0 + 8, width - 8) : left;
    for (size_t k = 0; k < map->columns; k += COLUMNS) {
        size_t columns = map->columns - k < COLUMNS ? map->columns - k : COLUMNS;
        size_t at = k / block * f.bytes;
        if (f.is_super) {
            pack256(f.type, &left, at, 0, &packed);
            if (H == 2) { pack256(f.type, &right, at, 8, &packed); }
        } else {
            pack32(f.type, f.bytes, &left, at, columns, 0, &packed);
            if (H == 2) { pack32(f.type, f.bytes, &right, at, columns, 8, &packed); }
        }
        for (size_t m = 0; m < rows; m += TILE) {
            size_t row = m0 + m;
            source input = {
                map->input.bytes + row * map->columns + k,
                map->input.scales + row * blocks + k / block,
                map->input.sums + (row * blocks + k / block) * sums,
                map->columns,
                blocks,
                blocks * sums,
            };
            switch (rows - m) {
            case 1: tile(f.is_super, f.has_minimum, 1, H, &packed, columns, &input, acc + m); break;
            case 2: tile(f.is_super, f.has_minimum, 2, H, &packed, columns, &input, acc + m); break;
            case 3: tile(f.is_super, f.has_minimum, 3, H, &packed, columns, &input, acc + m); break;
            default: tile(f.is_super, f.has_minimum, 4, H, &packed, columns, &input, acc + m); break;
            }
        }
    }
    for (size_t m = 0; m < rows; m++) {
        tpr_store_eight_avx2(map, m0 + m, n0, width < 8 ? width : 8, _mm256_load_ps(acc[m]));
        if (H == 2) { tpr_store_eight_avx2(map, m0 + m, n0 + 8, width - 8, _mm256_load_ps(acc[m] + 8)); }
    }
}

#define STRIP(name, type, is_super, has_minimum)                                                                       \
    TPR_AVX2 static void name(const tpr_linear *map, size_t m0, size_t rows, size_t n0, size_t width) {                \
        format f = {type, sizeof(tpr_##name), is_super, has_minimum};                                                  \
        if (width > 8) {                                                                                               \
            strip(f, 2, map, m0, rows, n0, width);                                                                     \
        } else {                                                                                                       \
            strip(f, 1, map, m0, rows, n0, width);                                                                     \
        }                                                                                                              \
    }

STRIP(q4_0, TPR_Q4_0, 0, 0)
STRIP(q4_1, TPR_Q4_1, 0, 1)
STRIP(q5_0, TPR_Q5_0, 0, 0)
STRIP(q5_1, TPR_Q5_1, 0, 1)
STRIP(q8_0, TPR_Q8_0, 0, 0)
STRIP(q2_k, TPR_Q2_K, 1, 1)
STRIP(q3_k, TPR_Q3_K, 1, 0)
STRIP(q4_k, TPR_Q4_K, 1, 1)
STRIP(q5_k, TPR_Q5_K, 1, 1)
STRIP(q6_k, TPR_Q6_K, 1, 0)

void tpr_linear_panels_avx2(const tpr_linear *map, size_t first, size_t last) {
    void (*run)(const tpr_linear *, size_t, size_t, size_t, size_t);
    switch (map->type) {
    case TPR_Q4_0: run = q4_0; break;
    case TPR_Q4_1: run = q4_1; break;
    case TPR_Q5_0: run = q5_0; break;
    case TPR_Q5_1: run = q5_1; break;
    case TPR_Q2_K: run = q2_k; break;
    case TPR_Q3_K: run = q3_k; break;
    case TPR_Q4_K: run = q4_k; break;
    case TPR_Q5_K: run = q5_k; break;
    case TPR_Q6_K: run = q6_k; break;
    default: run = q8_0; break;
    }
    for (size_t m = 0; m < map->rows; m += ROWS) {
        size_t rows = map->rows - m < ROWS ? map->rows - m : ROWS;
        for (size_t n = first; n < last; n += OUTPUTS) { run(map, m, rows, n, last - n < OUTPUTS ? last - n : OUTPUTS); }
    }
}

#endif
