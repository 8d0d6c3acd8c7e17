// SPDX-License-Identifier: Apache-2.0
// The table for x86-64 processors with AVX2, FMA and F16C.
#include "tpr_avx2.h"

#if defined(__x86_64__)

#define TPR_NAME(x) tpr_##x##_avx2
#define TPR_TARGET TPR_AVX2
#include "../tpr_elementwise.inc"

static void linear(const tpr_linear *map, size_t first, size_t last, void *scratch) {
    switch (tpr_input_kind(map->type)) {
    case TPR_INPUT_FLOAT: tpr_linear_plain_avx2(map, first, last, scratch); break;
    case TPR_INPUT_BLOCKS32: tpr_linear_blocks32_avx2(map, first, last); break;
    default: tpr_linear_blocks256_avx2(map, first, last); break;
    }
}

TPR_AVX2 static void to_half(const float *values, size_t count, uint16_t *output) {
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        __m128i halves = _mm256_cvtps_ph(_mm256_loadu_ps(values + i), _MM_FROUND_TO_NEAREST_INT);
        _mm_storeu_si128((__m128i *)(void *)(output + i), halves);
    }
    for (; i < count; i++) { output[i] = tpr_half_of_float(values[i]); }
}

const tpr_ops *tpr_ops_avx2(void) {
    static const tpr_ops ops = {
        .name = "AVX2+FMA+F16C",
        .linear = linear,
        .quantize32 = tpr_quantize32_avx2,
        .quantize256 = tpr_quantize256_avx2,
        .attention = tpr_attention_avx2,
        .dequantize = tpr_dequantize,
        .to_half = to_half,
        .rms_norm = tpr_rms_norm_avx2,
        .layer_norm = tpr_layer_norm_avx2,
        .rope_halves = tpr_rope_halves_avx2,
        .rope_interleaved = tpr_rope_interleaved_avx2,
        .swiglu = tpr_swiglu_avx2,
        .gelu = tpr_gelu_avx2,
        .gelu_tanh = tpr_gelu_tanh_avx2,
        .add = tpr_add_avx2,
        .first_non_finite = tpr_first_non_finite_avx2,
        .log_sum_exp = tpr_log_sum_exp_avx2,
        .exponential = tpr_exponential_avx2,
    };
    return &ops;
}

#endif
