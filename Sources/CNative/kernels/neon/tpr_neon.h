// SPDX-License-Identifier: Apache-2.0
// Linear maps for 64-bit ARM. What is not here is the reference, which the compiler vectorizes where it can.
#ifndef TPR_NEON_H
#define TPR_NEON_H

#include "../tpr_formats.h"

#if defined(__aarch64__)

#include <arm_neon.h>

#define TPR_NEON_INLINE static inline __attribute__((always_inline))
#define TPR_NEON_DOT __attribute__((target("dotprod")))
#define TPR_NEON_DOT_INLINE static inline __attribute__((always_inline, target("dotprod")))

void tpr_linear_plain_neon(const tpr_linear *map, size_t first, size_t last);
void tpr_linear_blocks32_neon(const tpr_linear *map, size_t first, size_t last);
void tpr_linear_blocks256_neon(const tpr_linear *map, size_t first, size_t last);
/// The same with the instructions that multiply four pairs of bytes and add (Armv8.2 DotProd).
void tpr_linear_blocks32_neon_dot(const tpr_linear *map, size_t first, size_t last);
void tpr_linear_blocks256_neon_dot(const tpr_linear *map, size_t first, size_t last);

/// The tables: every 64-bit ARM has NEON, most have dot products.
const tpr_ops *tpr_ops_neon(void);
const tpr_ops *tpr_ops_neon_dot(void);

/// Products of 16 bytes, summed by four in some order, added to `sum`. Pairs stay within 16 bits: at most
/// 2 * 128 * 127.
TPR_NEON_INLINE int32x4_t tpr_dot_neon(int32x4_t sum, int8x16_t a, int8x16_t b) {
    int16x8_t pairs = vmull_s8(vget_low_s8(a), vget_low_s8(b));
    return vpadalq_s16(sum, vmlal_high_s8(pairs, a, b));
}

TPR_NEON_DOT_INLINE int32x4_t tpr_dot_neon_dot(int32x4_t sum, int8x16_t a, int8x16_t b) { return vdotq_s32(sum, a, b); }

/// The sums of the four lanes of four vectors, in order.
TPR_NEON_INLINE int32x4_t tpr_four_sums_neon(const int32x4_t v[4]) {
    return vpaddq_s32(vpaddq_s32(v[0], v[1]), vpaddq_s32(v[2], v[3]));
}

/// Four rows of a weight; where fewer are left, the last one again.
typedef struct {
    const uint8_t *row[4];
} tpr_four;

TPR_NEON_INLINE tpr_four tpr_four_rows_neon(const tpr_linear *map, size_t first, size_t width) {
    tpr_four rows;
    for (size_t n = 0; n < 4; n++) {
        rows.row[n] = map->weight + (first + (n < width ? n : width - 1)) * map->row_bytes;
    }
    return rows;
}

/// The binary16 numbers `at` bytes into each row.
TPR_NEON_INLINE float32x4_t tpr_four_halves_neon(const tpr_four *rows, size_t at) {
    uint16_t halves[4];
    for (size_t n = 0; n < 4; n++) { halves[n] = tpr_load16(rows->row[n] + at); }
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(halves)));
}

/// `width` sums, with the bias, to the output.
TPR_NEON_INLINE void tpr_store_four_neon(const tpr_linear *map, size_t m, size_t n, size_t width, float32x4_t sums) {
    float each[4];
    vst1q_f32(each, sums);
    float *output = map->output + m * map->output_stride + n;
    for (size_t i = 0; i < width; i++) { output[i] = map->bias ? each[i] + map->bias[n + i] : each[i]; }
}

#endif
#endif
