// SPDX-License-Identifier: Apache-2.0
#include "../include/tpr_kernels.h"

size_t tpr_linear_scratch_bytes(void) { return 512 * 1024; }

size_t tpr_attention_scratch_bytes(size_t head_size) {
    // Per query: 32 weights, a maximum, a sum; the key block and the value block as floats.
    return TPR_ATTENTION_QUERIES * 40 * sizeof(float) + 2 * 32 * (head_size + 8) * sizeof(float);
}

const tpr_ops *tpr_ops_best(void) { return tpr_ops_scalar(); }
