// SPDX-License-Identifier: Apache-2.0
// Linear maps of quantized weights for many rows of input. Weights of 16 outputs by 256 columns are unpacked once into
// a panel of 16-bit numbers, two columns of an output side by side, and all rows are multiplied by it: two products to
// a lane, a lane to an output. Scales that are whole numbers are multiplied in, so that one kernel serves all formats.
#include "tpr_panels_avx2.h"

#if defined(__x86_64__)

#pragma STDC FP_CONTRACT OFF

enum { TILE = 4 };

/// Adds what R rows get from `pairs` pairs of columns to whole sums. H: halves of the panel's outputs that exist, 1 or
/// 2.
TPR_AVX2_INLINE void multiply(int R, int H, const tpr_panel *from, int16_t wide[TILE][TPR_PANEL_COLUMNS], size_t pair,
                              size_t pairs, __m256i sums[TILE][2]) {
    for (size_t end = pair + pairs; pair < end; pair++) {
        __m256i left = _mm256_load_si256((const __m256i *)(const void *)from->weights[pair]);
        __m256i right = H == 2 ? _mm256_load_si256((const __m256i *)(const void *)(from->weights[pair] + 8)) : left;
#pragma unroll
        for (int r = 0; r < R; r++) {
            __m256i x = tpr_two_columns_avx2(wide[r] + 2 * pair);
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
TPR_AVX2_INLINE void tile(int is_super, int has_minimum, int R, int H, const tpr_panel *from, size_t columns,
                          const tpr_panel_input *input, float acc[][TPR_PANEL_OUTPUTS]) {
    _Alignas(32) int16_t wide[TILE][TPR_PANEL_COLUMNS];
#pragma unroll
    for (int r = 0; r < R; r++) {
        const int8_t *bytes = input->bytes + (size_t)r * input->byte_stride;
        for (size_t k = 0; k < columns; k += 16) {
            __m128i narrow = _mm_loadu_si128((const __m128i *)(const void *)(bytes + k));
            tpr_store32_avx2(wide[r] + k, _mm256_cvtepi8_epi16(narrow));
        }
    }
    for (size_t b = 0; b < (is_super ? 1 : columns / 32); b++) {
        __m256i sums[TILE][2];
#pragma unroll
        for (int r = 0; r < R; r++) { sums[r][0] = sums[r][1] = _mm256_setzero_si256(); }
        multiply(R, H, from, wide, 16 * b, is_super ? TPR_PANEL_COLUMNS / 2 : 16, sums);
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
                    __m256i x = tpr_two_columns_avx2(input_sums + 2 * j);
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

/// 8 * H outputs from n0 on, of which `width` exist, and up to TPR_PANEL_ROWS rows from m0 on.
TPR_AVX2_INLINE void strip(tpr_panel_format f, int H, const tpr_linear *map, size_t m0, size_t rows, size_t n0,
                           size_t width) {
    tpr_panel packed;
    _Alignas(32) float acc[TPR_PANEL_ROWS][TPR_PANEL_OUTPUTS];
    memset(acc, 0, rows * sizeof acc[0]);
    const size_t block = f.is_super ? 256 : 32, sums = f.is_super ? 16 : 8;
    const size_t blocks = map->columns / block;
    tpr_eight left = tpr_eight_rows_avx2(map, n0, width < 8 ? width : 8);
    tpr_eight right = H == 2 ? tpr_eight_rows_avx2(map, n0 + 8, width - 8) : left;
    for (size_t k = 0; k < map->columns; k += TPR_PANEL_COLUMNS) {
        size_t columns = map->columns - k < TPR_PANEL_COLUMNS ? map->columns - k : TPR_PANEL_COLUMNS;
        size_t at = k / block * f.bytes;
        if (f.is_super) {
            tpr_pack256_avx2(f.type, &left, at, 0, &packed);
            if (H == 2) { tpr_pack256_avx2(f.type, &right, at, 8, &packed); }
        } else {
            tpr_pack32_avx2(f.type, f.bytes, &left, at, columns, 0, &packed);
            if (H == 2) { tpr_pack32_avx2(f.type, f.bytes, &right, at, columns, 8, &packed); }
        }
        for (size_t m = 0; m < rows; m += TILE) {
            size_t row = m0 + m;
            tpr_panel_input input = {
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
        tpr_panel_format f = {type, sizeof(tpr_##name), is_super, has_minimum};                                        \
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
    for (size_t m = 0; m < map->rows; m += TPR_PANEL_ROWS) {
        size_t rows = map->rows - m < TPR_PANEL_ROWS ? map->rows - m : TPR_PANEL_ROWS;
        for (size_t n = first; n < last; n += TPR_PANEL_OUTPUTS) {
            run(map, m, rows, n, last - n < TPR_PANEL_OUTPUTS ? last - n : TPR_PANEL_OUTPUTS);
        }
    }
}

#endif
