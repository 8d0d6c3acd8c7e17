// SPDX-License-Identifier: Apache-2.0
// The table for x86-64 processors with AVX2, FMA and F16C.
#include "tpr_avx2.h"

#if defined(__x86_64__)

#define TPR_NAME(x) tpr_##x##_avx2
#define TPR_TARGET TPR_AVX2
#include "../tpr_elementwise.inc"

/// Rows of input from which on it pays to unpack weights into panels.
enum { PANEL_ROWS32 = 6, PANEL_ROWS256 = 24 };

static void linear(const tpr_linear *map, size_t first, size_t last) {
    int kind = tpr_input_kind(map->type);
    if (kind == TPR_INPUT_FLOAT) {
        tpr_linear_plain_avx2(map, first, last);
    } else if (map->rows >= (kind == TPR_INPUT_BLOCKS32 ? PANEL_ROWS32 : PANEL_ROWS256)) {
        tpr_linear_panels_avx2(map, first, last);
    } else if (kind == TPR_INPUT_BLOCKS32) {
        tpr_linear_blocks32_avx2(map, first, last);
    } else {
        tpr_linear_blocks256_avx2(map, first, last);
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

/// The bytes of 32 values in order: byte_of of the reference, eight at a time.
TPR_AVX2_INLINE __m256i bytes_of(const float *values, __m256 inverse) {
    const __m256 magic = _mm256_set1_ps(0x1.8p23f);
    __m256i whole[4];
    for (int i = 0; i < 4; i++) {
        // Not fused: the product is rounded first, as in the reference.
        __m256 product = _mm256_mul_ps(_mm256_loadu_ps(values + 8 * i), inverse);
        __m256i shifted = _mm256_castps_si256(_mm256_add_ps(product, magic));
        __m256i number = _mm256_sub_epi32(shifted, _mm256_castps_si256(magic));
        number = _mm256_max_epi32(number, _mm256_set1_epi32(-127));
        whole[i] = _mm256_min_epi32(number, _mm256_set1_epi32(127));
    }
    // Packing works within halves; the last step puts the groups of four in order.
    __m256i low = _mm256_packs_epi32(whole[0], whole[1]), high = _mm256_packs_epi32(whole[2], whole[3]);
    return _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

/// The greatest magnitude of `count` values (a multiple of 32), as bits, so that NaN is greater than all.
TPR_AVX2_INLINE uint32_t greatest_bits(const float *values, size_t count) {
    const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
    __m256i greatest = _mm256_setzero_si256();
    for (size_t i = 0; i < count; i += 8) {
        __m256i bits = _mm256_castps_si256(_mm256_loadu_ps(values + i));
        greatest = _mm256_max_epu32(greatest, _mm256_and_si256(bits, magnitude));
    }
    __m128i half = _mm_max_epu32(_mm256_castsi256_si128(greatest), _mm256_extracti128_si256(greatest, 1));
    half = _mm_max_epu32(half, _mm_shuffle_epi32(half, 0x4e));
    half = _mm_max_epu32(half, _mm_shuffle_epi32(half, 0xb1));
    return (uint32_t)_mm_cvtsi128_si32(half);
}

/// Sums of each four bytes.
TPR_AVX2_INLINE __m256i sums_of_four(__m256i bytes) {
    __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), bytes);
    return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

TPR_AVX2 static void quantize32(const float *values, size_t count, int8_t *bytes, float *scales, int16_t *sums) {
    for (size_t k = 0; k < count; k += 32) {
        float inverse;
        scales[k / 32] = tpr_byte_scale_avx2(greatest_bits(values + k, 32), &inverse);
        __m256i block = bytes_of(values + k, _mm256_set1_ps(inverse));
        _mm256_storeu_si256((__m256i *)(void *)(bytes + k), block);
        __m256i four = sums_of_four(block);
        __m128i narrow = _mm_packs_epi32(_mm256_castsi256_si128(four), _mm256_extracti128_si256(four, 1));
        _mm_storeu_si128((__m128i *)(void *)(sums + k / 4), narrow);
    }
}

TPR_AVX2 static void quantize256(const float *values, size_t count, int8_t *bytes, float *scales, int16_t *sums) {
    for (size_t k = 0; k < count; k += 256) {
        float inverse;
        scales[k / 256] = tpr_byte_scale_avx2(greatest_bits(values + k, 256), &inverse);
        for (size_t i = k; i < k + 256; i += 32) {
            __m256i block = bytes_of(values + i, _mm256_set1_ps(inverse));
            _mm256_storeu_si256((__m256i *)(void *)(bytes + i), block);
            __m256i four = sums_of_four(block);
            __m128i eight = _mm_hadd_epi32(_mm256_castsi256_si128(four), _mm256_extracti128_si256(four, 1));
            __m128i sixteen = _mm_hadd_epi32(eight, eight);
            sums[i / 16] = (int16_t)_mm_extract_epi32(sixteen, 0);
            sums[i / 16 + 1] = (int16_t)_mm_extract_epi32(sixteen, 1);
        }
    }
}

const tpr_ops *tpr_ops_avx2(void) {
    static const tpr_ops ops = {
        .name = "AVX2+FMA+F16C",
        .linear = linear,
        .quantize32 = quantize32,
        .quantize256 = quantize256,
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
