// SPDX-License-Identifier: Apache-2.0
// Layouts of the block formats (GGUF specification, ggml quantization types) and conversions between float formats.
#ifndef TPR_FORMATS_H
#define TPR_FORMATS_H

#include "../include/tpr_kernels.h"

#include <string.h>

// Everything is bytes, so that blocks may stand at any address.
typedef struct { uint8_t d[2], qs[16]; } tpr_q4_0;
typedef struct { uint8_t d[2], m[2], qs[16]; } tpr_q4_1;
typedef struct { uint8_t d[2], qh[4], qs[16]; } tpr_q5_0;
typedef struct { uint8_t d[2], m[2], qh[4], qs[16]; } tpr_q5_1;
typedef struct { uint8_t d[2], qs[32]; } tpr_q8_0;
typedef struct { uint8_t scales[16], qs[64], d[2], dmin[2]; } tpr_q2_k;
typedef struct { uint8_t hmask[32], qs[64], scales[12], d[2]; } tpr_q3_k;
typedef struct { uint8_t d[2], dmin[2], scales[12], qs[128]; } tpr_q4_k;
typedef struct { uint8_t d[2], dmin[2], scales[12], qh[32], qs[128]; } tpr_q5_k;
typedef struct { uint8_t ql[128], qh[64], scales[16], d[2]; } tpr_q6_k;

_Static_assert(sizeof(tpr_q4_0) == 18 && sizeof(tpr_q4_1) == 20 && sizeof(tpr_q5_0) == 22, "block sizes");
_Static_assert(sizeof(tpr_q5_1) == 24 && sizeof(tpr_q8_0) == 34 && sizeof(tpr_q2_k) == 84, "block sizes");
_Static_assert(sizeof(tpr_q3_k) == 110 && sizeof(tpr_q4_k) == 144 && sizeof(tpr_q5_k) == 176, "block sizes");
_Static_assert(sizeof(tpr_q6_k) == 210, "block sizes");

static inline float tpr_float_of_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t tpr_bits_of_float(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline uint16_t tpr_load16(const void *at) {
    uint16_t bits;
    memcpy(&bits, at, sizeof bits);
    return bits;
}

/// binary16 to binary32, exact; NaN become quiet as the processor's conversion makes them.
static inline float tpr_float_of_half(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    uint32_t magnitude = half & 0x7fff;
    if (magnitude >= 0x7c00) {
        uint32_t fraction = (magnitude & 0x3ff) << 13;
        return tpr_float_of_bits(sign | 0x7f800000 | fraction | (fraction ? 0x400000 : 0));
    }
    if (magnitude < 0x400) {
        // Zero or subnormal: magnitude units of 2^-24, exact.
        float value = (float)magnitude * 0x1p-24f;
        return tpr_float_of_bits(sign | tpr_bits_of_float(value));
    }
    return tpr_float_of_bits(sign | ((magnitude << 13) + ((127u - 15u) << 23)));
}

/// binary32 to binary16, rounded to nearest, ties to even.
static inline uint16_t tpr_half_of_float(float value) {
    uint32_t bits = tpr_bits_of_float(value);
    uint16_t sign = (uint16_t)((bits >> 16) & 0x8000);
    uint32_t magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000) { // NaN: keep the upper bits, quiet
        return (uint16_t)(sign | 0x7e00 | ((magnitude >> 13) & 0x3ff));
    }
    if (magnitude >= 0x477ff000) { // rounds to 2^16 or more
        return (uint16_t)(sign | 0x7c00);
    }
    if (magnitude < 0x38800000) { // below 2^-14: subnormal in binary16
        // Adding 0.5 aligns units of 2^-24 with the last place of the sum and rounds there.
        float sum = tpr_float_of_bits(magnitude) + 0.5f;
        return (uint16_t)(sign | (tpr_bits_of_float(sum) - 0x3f000000));
    }
    uint32_t odd = (magnitude >> 13) & 1;
    return (uint16_t)(sign | ((magnitude - ((127u - 15u) << 23) + 0xfff + odd) >> 13));
}

static inline float tpr_float_of_bfloat(uint16_t bits) { return tpr_float_of_bits((uint32_t)bits << 16); }

static inline float tpr_load_half(const void *at) { return tpr_float_of_half(tpr_load16(at)); }

/// The 6-bit scales and minima of Q4_K and Q5_K.
static inline void tpr_unpack_scales_mins(const uint8_t packed[12], uint8_t scales[8], uint8_t mins[8]) {
    for (int j = 0; j < 4; j++) {
        scales[j] = packed[j] & 63;
        mins[j] = packed[j + 4] & 63;
        scales[j + 4] = (uint8_t)((packed[j + 8] & 15) | ((packed[j] >> 6) << 4));
        mins[j + 4] = (uint8_t)((packed[j + 8] >> 4) | ((packed[j + 4] >> 6) << 4));
    }
}

/// The 6-bit scales of Q3_K, minus 32.
static inline void tpr_unpack_q3_scales(const uint8_t packed[12], int8_t scales[16]) {
    for (int j = 0; j < 16; j++) {
        int low = j < 8 ? packed[j] & 15 : packed[j - 8] >> 4;
        int high = (packed[8 + j % 4] >> (2 * (j / 4))) & 3;
        scales[j] = (int8_t)((low | (high << 4)) - 32);
    }
}

/// One block of 32 unpacked: value k is scale * values[k] + minimum.
typedef struct {
    float scale, minimum;
    int8_t values[32];
} tpr_unpacked32;

/// One block of 256 unpacked: value k is scale * scales[k / 16] * values[k] - minimum * minima[k / 16].
typedef struct {
    float scale, minimum;
    int8_t values[256], scales[16], minima[16];
} tpr_unpacked256;

void tpr_unpack32(uint32_t type, const void *block, tpr_unpacked32 *into);
void tpr_unpack256(uint32_t type, const void *block, tpr_unpacked256 *into);
int tpr_has_minimum(uint32_t type);
void tpr_dequantize(uint32_t type, const void *blocks, size_t count, float *output);

#endif
