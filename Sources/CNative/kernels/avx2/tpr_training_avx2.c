// SPDX-License-Identifier: Apache-2.0
// The training kernels for x86-64 processors with AVX2 and FMA: a product goes in tiles of 6 rows by 16 columns, 12
// accumulators.
#include "tpr_avx2.h"

#if defined(__x86_64__)

#define TPR_NAME(x) tpr_##x##_training_avx2
#define TPR_TARGET TPR_AVX2
#include "../tpr_math.inc"

#include "../training/tpr_training_tables.h"

TPR_AVX2_INLINE void tile_of(int M, int is_by_row, size_t depth, const float *a, size_t a_stride, const float *b, float *c,
                             size_t c_stride, int accumulates) {
    __m256 acc[12];
#pragma unroll
    for (int i = 0; i < M; i++) {
        acc[2 * i] = accumulates ? _mm256_loadu_ps(c + (size_t)i * c_stride) : _mm256_setzero_ps();
        acc[2 * i + 1] = accumulates ? _mm256_loadu_ps(c + (size_t)i * c_stride + 8) : _mm256_setzero_ps();
    }
    for (size_t k = 0; k < depth; k++) {
        __m256 low = _mm256_loadu_ps(b + k * 16), high = _mm256_loadu_ps(b + k * 16 + 8);
#pragma unroll
        for (int i = 0; i < M; i++) {
            __m256 x = _mm256_broadcast_ss(is_by_row ? a + (size_t)i * a_stride + k : a + k * a_stride + i);
            acc[2 * i] = _mm256_fmadd_ps(x, low, acc[2 * i]);
            acc[2 * i + 1] = _mm256_fmadd_ps(x, high, acc[2 * i + 1]);
        }
    }
#pragma unroll
    for (int i = 0; i < M; i++) {
        _mm256_storeu_ps(c + (size_t)i * c_stride, acc[2 * i]);
        _mm256_storeu_ps(c + (size_t)i * c_stride + 8, acc[2 * i + 1]);
    }
}

#define TILE(M)                                                                                                        \
    TPR_AVX2 static void by_row_##M(size_t depth, const float *a, size_t a_stride, const float *b, float *c,           \
                                    size_t c_stride, int accumulates) {                                                \
        tile_of(M, 1, depth, a, a_stride, b, c, c_stride, accumulates);                                                \
    }                                                                                                                  \
    TPR_AVX2 static void by_column_##M(size_t depth, const float *a, size_t a_stride, const float *b, float *c,        \
                                       size_t c_stride, int accumulates) {                                             \
        tile_of(M, 0, depth, a, a_stride, b, c, c_stride, accumulates);                                                \
    }

TILE(1)
TILE(2)
TILE(3)
TILE(4)
TILE(5)
TILE(6)

typedef void (*tile_function)(size_t, const float *, size_t, const float *, float *, size_t, int);
static const tile_function tiles[2][6] = {
    {by_column_1, by_column_2, by_column_3, by_column_4, by_column_5, by_column_6},
    {by_row_1, by_row_2, by_row_3, by_row_4, by_row_5, by_row_6},
};

static inline void TPR_NAME(tile)(size_t rows, int is_by_row, size_t depth, const float *a, size_t a_stride,
                                  const float *b, float *c, size_t c_stride, int accumulates) {
    tiles[is_by_row][rows - 1](depth, a, a_stride, b, c, c_stride, accumulates);
}

/// Eight rows of eight to eight columns of eight, `to` rows of 16 apart.
TPR_AVX2_INLINE void transpose8(const float *b, size_t stride, float *to) {
    __m256 r[8], s[8];
    for (int i = 0; i < 8; i++) { r[i] = _mm256_loadu_ps(b + (size_t)i * stride); }
    for (int i = 0; i < 8; i += 2) {
        s[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        s[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
        r[i] = _mm256_shuffle_ps(s[i], s[i + 2], 0x44);
        r[i + 1] = _mm256_shuffle_ps(s[i], s[i + 2], 0xee);
        r[i + 2] = _mm256_shuffle_ps(s[i + 1], s[i + 3], 0x44);
        r[i + 3] = _mm256_shuffle_ps(s[i + 1], s[i + 3], 0xee);
    }
    for (int i = 0; i < 4; i++) {
        _mm256_storeu_ps(to + 16 * i, _mm256_permute2f128_ps(r[i], r[i + 4], 0x20));
        _mm256_storeu_ps(to + 16 * (i + 4), _mm256_permute2f128_ps(r[i], r[i + 4], 0x31));
    }
}

/// Columns that stand in rows, `stride` apart, to rows of 16.
TPR_AVX2 static void TPR_NAME(transpose16)(const float *b, size_t stride, size_t depth, float *packed) {
    size_t k = 0;
    for (; k + 8 <= depth; k += 8) {
        transpose8(b + k, stride, packed + k * 16);
        transpose8(b + 8 * stride + k, stride, packed + k * 16 + 8);
    }
    for (; k < depth; k++) {
        for (size_t j = 0; j < 16; j++) { packed[k * 16 + j] = b[j * stride + k]; }
    }
}

#include "../training/tpr_product.inc"
#include "../training/tpr_gradients.inc"
#include "../training/tpr_self_attention.inc"
#include "../training/tpr_training_table.inc"

const tpr_training_ops *tpr_training_ops_avx2(void) {
    static const tpr_training_ops ops = TPR_TRAINING_TABLE("AVX2+FMA");
    return &ops;
}

#endif
