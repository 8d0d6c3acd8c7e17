// SPDX-License-Identifier: Apache-2.0
#include "tpr_formats.h"

#pragma STDC FP_CONTRACT OFF

size_t tpr_block_size(uint32_t type) {
    switch (type) {
    case TPR_F32: case TPR_F16: case TPR_BF16: return 1;
    case TPR_Q4_0: case TPR_Q4_1: case TPR_Q5_0: case TPR_Q5_1: case TPR_Q8_0: return 32;
    case TPR_Q2_K: case TPR_Q3_K: case TPR_Q4_K: case TPR_Q5_K: case TPR_Q6_K: return 256;
    default: return 0;
    }
}

size_t tpr_block_bytes(uint32_t type) {
    switch (type) {
    case TPR_F32: return 4;
    case TPR_F16: case TPR_BF16: return 2;
    case TPR_Q4_0: return sizeof(tpr_q4_0);
    case TPR_Q4_1: return sizeof(tpr_q4_1);
    case TPR_Q5_0: return sizeof(tpr_q5_0);
    case TPR_Q5_1: return sizeof(tpr_q5_1);
    case TPR_Q8_0: return sizeof(tpr_q8_0);
    case TPR_Q2_K: return sizeof(tpr_q2_k);
    case TPR_Q3_K: return sizeof(tpr_q3_k);
    case TPR_Q4_K: return sizeof(tpr_q4_k);
    case TPR_Q5_K: return sizeof(tpr_q5_k);
    case TPR_Q6_K: return sizeof(tpr_q6_k);
    default: return 0;
    }
}

int tpr_input_kind(uint32_t type) {
    switch (tpr_block_size(type)) {
    case 32: return TPR_INPUT_BLOCKS32;
    case 256: return TPR_INPUT_BLOCKS256;
    default: return TPR_INPUT_FLOAT;
    }
}

int tpr_has_minimum(uint32_t type) {
    return type == TPR_Q4_1 || type == TPR_Q5_1 || type == TPR_Q2_K || type == TPR_Q4_K || type == TPR_Q5_K;
}

/// 32 values of 4 bits and, where `high` is not null, a fifth bit each.
static void unpack_nibbles(const uint8_t *low, const uint8_t *high, int offset, int8_t values[32]) {
    uint32_t bits = 0;
    if (high) { memcpy(&bits, high, sizeof bits); }
    for (int k = 0; k < 32; k++) {
        int nibble = k < 16 ? low[k] & 15 : low[k - 16] >> 4;
        values[k] = (int8_t)((nibble | (int)((bits >> k & 1) << 4)) - offset);
    }
}

void tpr_unpack32(uint32_t type, const void *block, tpr_unpacked32 *into) {
    into->minimum = 0;
    switch (type) {
    case TPR_Q4_0: {
        const tpr_q4_0 *b = block;
        into->scale = tpr_load_half(b->d);
        unpack_nibbles(b->qs, NULL, 8, into->values);
        break;
    }
    case TPR_Q4_1: {
        const tpr_q4_1 *b = block;
        into->scale = tpr_load_half(b->d);
        into->minimum = tpr_load_half(b->m);
        unpack_nibbles(b->qs, NULL, 0, into->values);
        break;
    }
    case TPR_Q5_0: {
        const tpr_q5_0 *b = block;
        into->scale = tpr_load_half(b->d);
        unpack_nibbles(b->qs, b->qh, 16, into->values);
        break;
    }
    case TPR_Q5_1: {
        const tpr_q5_1 *b = block;
        into->scale = tpr_load_half(b->d);
        into->minimum = tpr_load_half(b->m);
        unpack_nibbles(b->qs, b->qh, 0, into->values);
        break;
    }
    default: {
        const tpr_q8_0 *b = block;
        into->scale = tpr_load_half(b->d);
        memcpy(into->values, b->qs, 32);
        break;
    }
    }
}

static void unpack_q2_k(const tpr_q2_k *b, tpr_unpacked256 *into) {
    into->scale = tpr_load_half(b->d);
    into->minimum = tpr_load_half(b->dmin);
    for (int j = 0; j < 16; j++) {
        into->scales[j] = b->scales[j] & 15;
        into->minima[j] = (int8_t)(b->scales[j] >> 4);
    }
    for (int k = 0; k < 256; k++) {
        into->values[k] = (b->qs[k / 128 * 32 + k % 32] >> (2 * (k / 32 % 4))) & 3;
    }
}

static void unpack_q3_k(const tpr_q3_k *b, tpr_unpacked256 *into) {
    into->scale = tpr_load_half(b->d);
    tpr_unpack_q3_scales(b->scales, into->scales);
    for (int k = 0; k < 256; k++) {
        int low = (b->qs[k / 128 * 32 + k % 32] >> (2 * (k / 32 % 4))) & 3;
        int high = (b->hmask[k % 32] >> (k / 32)) & 1;
        into->values[k] = (int8_t)(low - (high ? 0 : 4));
    }
}

static void unpack_q45_k(const uint8_t *d, const uint8_t *dmin, const uint8_t *packed, const uint8_t *high,
                         const uint8_t *low, tpr_unpacked256 *into) {
    uint8_t scales[8], mins[8];
    into->scale = tpr_load_half(d);
    into->minimum = tpr_load_half(dmin);
    tpr_unpack_scales_mins(packed, scales, mins);
    for (int j = 0; j < 16; j++) {
        into->scales[j] = (int8_t)scales[j / 2];
        into->minima[j] = (int8_t)mins[j / 2];
    }
    for (int k = 0; k < 256; k++) {
        int nibble = (low[k / 64 * 32 + k % 32] >> (k / 32 % 2 * 4)) & 15;
        int fifth = high ? (high[k % 32] >> (k / 32)) & 1 : 0;
        into->values[k] = (int8_t)(nibble | (fifth << 4));
    }
}

static void unpack_q6_k(const tpr_q6_k *b, tpr_unpacked256 *into) {
    into->scale = tpr_load_half(b->d);
    memcpy(into->scales, b->scales, 16);
    for (int k = 0; k < 256; k++) {
        int quarter = k / 32 % 4;
        int low = (b->ql[k / 128 * 64 + quarter % 2 * 32 + k % 32] >> (quarter / 2 * 4)) & 15;
        int high = (b->qh[k / 128 * 32 + k % 32] >> (2 * quarter)) & 3;
        into->values[k] = (int8_t)((low | (high << 4)) - 32);
    }
}

void tpr_unpack256(uint32_t type, const void *block, tpr_unpacked256 *into) {
    into->minimum = 0;
    memset(into->minima, 0, sizeof into->minima);
    switch (type) {
    case TPR_Q2_K: unpack_q2_k(block, into); break;
    case TPR_Q3_K: unpack_q3_k(block, into); break;
    case TPR_Q4_K: {
        const tpr_q4_k *b = block;
        unpack_q45_k(b->d, b->dmin, b->scales, NULL, b->qs, into);
        break;
    }
    case TPR_Q5_K: {
        const tpr_q5_k *b = block;
        unpack_q45_k(b->d, b->dmin, b->scales, b->qh, b->qs, into);
        break;
    }
    default: unpack_q6_k(block, into); break;
    }
}

void tpr_dequantize(uint32_t type, const void *blocks, size_t count, float *output) {
    const uint8_t *bytes = blocks;
    size_t size = tpr_block_size(type), stride = tpr_block_bytes(type);
    int has_minimum = tpr_has_minimum(type);
    if (size == 1) {
        for (size_t k = 0; k < count; k++, bytes += stride) {
            if (type == TPR_F32) {
                memcpy(output + k, bytes, 4);
            } else {
                output[k] = type == TPR_F16 ? tpr_load_half(bytes) : tpr_float_of_bfloat(tpr_load16(bytes));
            }
        }
    } else if (size == 32) {
        for (size_t k = 0; k < count; k += 32, bytes += stride) {
            tpr_unpacked32 block;
            tpr_unpack32(type, bytes, &block);
            for (size_t i = 0; i < 32; i++) {
                float product = block.scale * (float)block.values[i];
                output[k + i] = has_minimum ? product + block.minimum : product;
            }
        }
    } else if (size == 256) {
        for (size_t k = 0; k < count; k += 256, bytes += stride) {
            tpr_unpacked256 block;
            tpr_unpack256(type, bytes, &block);
            for (size_t i = 0; i < 256; i++) {
                float product = block.scale * (float)block.scales[i / 16] * (float)block.values[i];
                output[k + i] = has_minimum ? product - block.minimum * (float)block.minima[i / 16] : product;
            }
        }
    }
}
