// SPDX-License-Identifier: Apache-2.0
// The values of quantized blocks as signed bytes, their offset subtracted, and the scales of blocks of 256.
#ifndef TPR_UNPACK_NEON_H
#define TPR_UNPACK_NEON_H

#include "tpr_neon.h"

#if defined(__aarch64__)

/// Bytes 0... of 16 as numbers of one bit each: bit i of `bits` as byte i, `value` or 0.
TPR_NEON_INLINE uint8x16_t tpr_spread_bits_neon(const uint8_t bits[2], uint8_t value) {
    static const uint8_t masks[8] = {1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t spread = vcombine_u8(vdup_n_u8(bits[0]), vdup_n_u8(bits[1]));
    uint8x8_t mask = vld1_u8(masks);
    return vandq_u8(vtstq_u8(spread, vcombine_u8(mask, mask)), vdupq_n_u8(value));
}

/// The 32 values of a block of 32.
TPR_NEON_INLINE void tpr_values32_neon(uint32_t type, const uint8_t *block, int8x16_t to[2]) {
    if (type == TPR_Q8_0) {
        to[0] = vreinterpretq_s8_u8(vld1q_u8(block + 2));
        to[1] = vreinterpretq_s8_u8(vld1q_u8(block + 18));
        return;
    }
    const int has_minimum = type == TPR_Q4_1 || type == TPR_Q5_1, has_fifth = type == TPR_Q5_0 || type == TPR_Q5_1;
    const uint8_t *fifth = block + (has_minimum ? 4 : 2);
    uint8x16_t bytes = vld1q_u8(fifth + (has_fifth ? 4 : 0));
    uint8x16_t low = vandq_u8(bytes, vdupq_n_u8(15)), high = vshrq_n_u8(bytes, 4);
    if (has_fifth) {
        low = vorrq_u8(low, tpr_spread_bits_neon(fifth, 16));
        high = vorrq_u8(high, tpr_spread_bits_neon(fifth + 2, 16));
    }
    const int8x16_t offset = vdupq_n_s8(type == TPR_Q4_0 ? 8 : type == TPR_Q5_0 ? 16 : 0);
    to[0] = vsubq_s8(vreinterpretq_s8_u8(low), offset);
    to[1] = vsubq_s8(vreinterpretq_s8_u8(high), offset);
}

/// Each per 16 elements.
typedef struct {
    int16_t scales[16], minima[16];
} tpr_scales256;

TPR_NEON_INLINE void tpr_load_scales256_neon(uint32_t type, const uint8_t *block, tpr_scales256 *to) {
    switch (type) {
    case TPR_Q4_K:
    case TPR_Q5_K: {
        uint8_t scales[8], minima[8];
        tpr_unpack_scales_mins(block + 4, scales, minima);
        for (int j = 0; j < 16; j++) {
            to->scales[j] = scales[j / 2];
            to->minima[j] = minima[j / 2];
        }
        break;
    }
    case TPR_Q2_K:
        for (int j = 0; j < 16; j++) {
            to->scales[j] = block[j] & 15;
            to->minima[j] = block[j] >> 4;
        }
        break;
    case TPR_Q3_K: {
        int8_t scales[16];
        tpr_unpack_q3_scales(block + 96, scales);
        for (int j = 0; j < 16; j++) { to->scales[j] = scales[j]; }
        break;
    }
    default:
        for (int j = 0; j < 16; j++) { to->scales[j] = (int8_t)block[192 + j]; }
        break;
    }
}

/// `bits` bits of each byte from bit `from` on.
TPR_NEON_INLINE uint8x16_t tpr_bits_neon(uint8x16_t bytes, int from, uint8_t mask) {
    return vandq_u8(vshlq_u8(bytes, vdupq_n_s8((int8_t)-from)), vdupq_n_u8(mask));
}

/// Elements 32 c + 16 h and the 15 that follow of a block of 256.
TPR_NEON_INLINE int8x16_t tpr_values256_neon(uint32_t type, const uint8_t *block, int c, int h) {
    const int at = 16 * h;
    uint8x16_t values;
    switch (type) {
    case TPR_Q4_K: values = tpr_bits_neon(vld1q_u8(block + 16 + c / 2 * 32 + at), c % 2 * 4, 15); break;
    case TPR_Q5_K: {
        uint8x16_t fifth = tpr_bits_neon(vld1q_u8(block + 16 + at), c, 1);
        values = tpr_bits_neon(vld1q_u8(block + 48 + c / 2 * 32 + at), c % 2 * 4, 15);
        values = vorrq_u8(values, vshlq_n_u8(fifth, 4));
        break;
    }
    case TPR_Q2_K: values = tpr_bits_neon(vld1q_u8(block + 16 + c / 4 * 32 + at), c % 4 * 2, 3); break;
    case TPR_Q3_K: {
        uint8x16_t third = tpr_bits_neon(vld1q_u8(block + at), c, 1);
        values = tpr_bits_neon(vld1q_u8(block + 32 + c / 4 * 32 + at), c % 4 * 2, 3);
        values = vorrq_u8(values, vshlq_n_u8(third, 2));
        break;
    }
    default: {
        uint8x16_t upper = tpr_bits_neon(vld1q_u8(block + 128 + c / 4 * 32 + at), c % 4 * 2, 3);
        values = tpr_bits_neon(vld1q_u8(block + c / 4 * 64 + c % 2 * 32 + at), c % 4 / 2 * 4, 15);
        values = vorrq_u8(values, vshlq_n_u8(upper, 4));
        break;
    }
    }
    return vsubq_s8(vreinterpretq_s8_u8(values), vdupq_n_s8(type == TPR_Q6_K ? 32 : type == TPR_Q3_K ? 4 : 0));
}

#endif
#endif
