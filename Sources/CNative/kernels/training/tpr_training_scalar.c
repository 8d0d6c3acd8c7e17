// SPDX-License-Identifier: Apache-2.0
// The reference of the training kernels in portable C, and which table this machine runs.
#define TPR_NAME(x) tpr_##x##_training_scalar
#define TPR_TARGET
#include "../tpr_math.inc"

#include "tpr_training_tables.h"

static void TPR_NAME(tile)(size_t rows, int is_by_row, size_t depth, const float *a, size_t a_stride, const float *b,
                           float *c, size_t c_stride, int accumulates) {
    for (size_t i = 0; i < rows; i++) {
        float sums[16] = {0};
        for (int j = 0; accumulates && j < 16; j++) { sums[j] = c[i * c_stride + j]; }
        for (size_t k = 0; k < depth; k++) {
            float x = is_by_row ? a[i * a_stride + k] : a[k * a_stride + i];
            for (int j = 0; j < 16; j++) { sums[j] = fmaf(x, b[k * 16 + j], sums[j]); }
        }
        for (int j = 0; j < 16; j++) { c[i * c_stride + j] = sums[j]; }
    }
}

/// Columns that stand in rows, `stride` apart, to rows of 16.
static void TPR_NAME(transpose16)(const float *b, size_t stride, size_t depth, float *packed) {
    for (size_t k = 0; k < depth; k++) {
        for (size_t j = 0; j < 16; j++) { packed[k * 16 + j] = b[j * stride + k]; }
    }
}

#include "tpr_product.inc"
#include "tpr_gradients.inc"
#include "tpr_self_attention.inc"
#include "tpr_training_table.inc"

const tpr_training_ops *tpr_training_ops_scalar(void) {
    static const tpr_training_ops ops = TPR_TRAINING_TABLE("scalar");
    return &ops;
}

const tpr_training_ops *tpr_training_ops_best(void) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c")) {
        return tpr_training_ops_avx2();
    }
#endif
    return tpr_training_ops_scalar();
}

size_t tpr_packed_floats(size_t depth, size_t columns) { return (columns + 15) / 16 * 16 * depth; }

size_t tpr_self_attention_scratch_floats(size_t length, size_t head_size, size_t group) {
    size_t padded = (head_size + 15) / 16 * 16, tile = TPR_ATTENTION_ROWS * TPR_ATTENTION_KEYS;
    size_t forward = tile + tpr_packed_floats(head_size, length) + tpr_packed_floats(length, head_size);
    size_t backward = 2 * tile + TPR_ATTENTION_KEYS * (4 * head_size + padded) + 2 * TPR_ATTENTION_ROWS * padded +
                      group * length;
    return forward > backward ? forward : backward;
}
