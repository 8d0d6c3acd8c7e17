// SPDX-License-Identifier: Apache-2.0
// Linear maps of F32, F16 and BF16 weights: tiles of up to 3 rows of input by 4 outputs over all columns. The 8 lanes
// of an output are two registers.
#include "tpr_neon.h"

#if defined(__aarch64__)

#include <math.h>

#pragma STDC FP_CONTRACT OFF

enum { TILE = 3, OUTPUTS = 4 };

/// Eight weights as floats.
TPR_NEON_INLINE void load8(uint32_t type, const uint8_t *at, float32x4_t to[2]) {
    uint8x16_t bytes = vld1q_u8(at);
    switch (type) {
    case TPR_F32:
        to[0] = vreinterpretq_f32_u8(bytes);
        to[1] = vreinterpretq_f32_u8(vld1q_u8(at + 16));
        break;
    case TPR_F16:
        to[0] = vcvt_f32_f16(vreinterpret_f16_u8(vget_low_u8(bytes)));
        to[1] = vcvt_f32_f16(vreinterpret_f16_u8(vget_high_u8(bytes)));
        break;
    default:
        to[0] = vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_u8(vget_low_u8(bytes)), 16));
        to[1] = vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_u8(vget_high_u8(bytes)), 16));
        break;
    }
}

/// Adds the last columns, fewer than 8, to the lanes they have; the others keep what they have.
TPR_NEON_INLINE void add_rest(uint32_t type, const uint8_t *weight, const float *input, size_t rest,
                              float32x4_t acc[2]) {
    const size_t size = type == TPR_F32 ? 4 : 2;
    uint8_t padded[32] = {0};
    memcpy(padded, weight, rest * size);
    float32x4_t w[2];
    load8(type, padded, w);
    float weights[8], lanes[8];
    for (int h = 0; h < 2; h++) {
        vst1q_f32(weights + 4 * h, w[h]);
        vst1q_f32(lanes + 4 * h, acc[h]);
    }
    for (size_t l = 0; l < rest; l++) { lanes[l] = fmaf(weights[l], input[l], lanes[l]); }
    for (int h = 0; h < 2; h++) { acc[h] = vld1q_f32(lanes + 4 * h); }
}

/// The fixed sum of 8 lanes (see tpr_kernels.h).
TPR_NEON_INLINE float sum8(const float32x4_t lanes[2]) {
    float32x4_t four = vaddq_f32(lanes[0], lanes[1]);
    float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
    return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}

/// R rows from m0 on by `width` outputs from n0 on, at most 4.
TPR_NEON_INLINE void tile(uint32_t type, int R, const tpr_linear *map, size_t m0, size_t n0, size_t width) {
    const size_t size = type == TPR_F32 ? 4 : 2, columns = map->columns;
    const tpr_four weights = tpr_four_rows_neon(map, n0, width);
    const float *input = map->input.floats + m0 * columns;
    float32x4_t acc[TILE][OUTPUTS][2];
    for (int r = 0; r < R; r++) {
        for (int n = 0; n < OUTPUTS; n++) { acc[r][n][0] = acc[r][n][1] = vdupq_n_f32(0); }
    }
    size_t k = 0;
    for (; k + 8 <= columns; k += 8) {
        float32x4_t x[TILE][2];
#pragma unroll
        for (int r = 0; r < R; r++) {
            x[r][0] = vld1q_f32(input + (size_t)r * columns + k);
            x[r][1] = vld1q_f32(input + (size_t)r * columns + k + 4);
        }
#pragma unroll
        for (int n = 0; n < OUTPUTS; n++) {
            float32x4_t w[2];
            load8(type, weights.row[n] + k * size, w);
#pragma unroll
            for (int r = 0; r < R; r++) {
                acc[r][n][0] = vfmaq_f32(acc[r][n][0], w[0], x[r][0]);
                acc[r][n][1] = vfmaq_f32(acc[r][n][1], w[1], x[r][1]);
            }
        }
    }
    for (int r = 0; r < R; r++) {
        float sums[OUTPUTS];
        for (int n = 0; n < OUTPUTS; n++) {
            if (k < columns) {
                add_rest(type, weights.row[n] + k * size, input + (size_t)r * columns + k, columns - k, acc[r][n]);
            }
            sums[n] = sum8(acc[r][n]);
        }
        tpr_store_four_neon(map, m0 + (size_t)r, n0, width, vld1q_f32(sums));
    }
}

TPR_NEON_INLINE void run(uint32_t type, const tpr_linear *map, size_t first, size_t last) {
    for (size_t m = 0; m < map->rows; m += TILE) {
        for (size_t n = first; n < last; n += OUTPUTS) {
            size_t width = last - n < OUTPUTS ? last - n : OUTPUTS;
            switch (map->rows - m) {
            case 1: tile(type, 1, map, m, n, width); break;
            case 2: tile(type, 2, map, m, n, width); break;
            default: tile(type, 3, map, m, n, width); break;
            }
        }
    }
}

void tpr_linear_plain_neon(const tpr_linear *map, size_t first, size_t last) {
    switch (map->type) {
    case TPR_F32: run(TPR_F32, map, first, last); break;
    case TPR_F16: run(TPR_F16, map, first, last); break;
    default: run(TPR_BF16, map, first, last); break;
    }
}

#endif
