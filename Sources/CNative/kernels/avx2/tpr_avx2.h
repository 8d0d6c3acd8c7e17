// SPDX-License-Identifier: Apache-2.0
// Shared by the AVX2 kernels. Functions carry the target attribute one by one, so that the file needs no compiler flag
// and the program runs on processors without these instructions.
#ifndef TPR_AVX2_H
#define TPR_AVX2_H

#include "../tpr_formats.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define TPR_AVX2 __attribute__((target("avx2,fma,f16c")))
#define TPR_AVX2_INLINE static inline __attribute__((always_inline, target("avx2,fma,f16c")))

/// The fixed sum of 8 lanes (see tpr_kernels.h).
TPR_AVX2_INLINE float tpr_sum8_avx2(__m256 s) {
    __m128 u = _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1));
    u = _mm_add_ps(u, _mm_movehl_ps(u, u));
    return _mm_cvtss_f32(_mm_add_ss(u, _mm_movehdup_ps(u)));
}

/// The fixed sums of four times 8 lanes.
TPR_AVX2_INLINE __m128 tpr_sum8x4_avx2(__m256 a, __m256 b, __m256 c, __m256 d) {
    // 4 pair sums of each, then added crosswise: element 0 with 2, 1 with 3, and these.
    __m128 u0 = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    __m128 u1 = _mm_add_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));
    __m128 u2 = _mm_add_ps(_mm256_castps256_ps128(c), _mm256_extractf128_ps(c, 1));
    __m128 u3 = _mm_add_ps(_mm256_castps256_ps128(d), _mm256_extractf128_ps(d, 1));
    __m128 v01 = _mm_add_ps(_mm_movelh_ps(u0, u1), _mm_movehl_ps(u1, u0));
    __m128 v23 = _mm_add_ps(_mm_movelh_ps(u2, u3), _mm_movehl_ps(u3, u2));
    return _mm_add_ps(_mm_shuffle_ps(v01, v23, 0x88), _mm_shuffle_ps(v01, v23, 0xdd));
}

/// A binary16 at any address in all lanes.
TPR_AVX2_INLINE __m256 tpr_half8_avx2(const uint8_t *at) {
    return _mm256_cvtph_ps(_mm_set1_epi16((short)tpr_load16(at)));
}

/// The sums of a tile of M x N accumulators, with the bias, to the output.
TPR_AVX2_INLINE void tpr_finish_avx2(const tpr_linear *map, size_t m0, size_t n0, int M, int N, const __m256 *acc) {
    for (int m = 0; m < M; m++) {
        float *output = map->output + (m0 + (size_t)m) * map->output_stride + n0;
        int n = 0;
        for (; n + 4 <= N; n += 4) {
            const __m256 *a = acc + m * N + n;
            __m128 sums = tpr_sum8x4_avx2(a[0], a[1], a[2], a[3]);
            if (map->bias) { sums = _mm_add_ps(sums, _mm_loadu_ps(map->bias + n0 + n)); }
            _mm_storeu_ps(output + n, sums);
        }
        for (; n < N; n++) {
            float sum = tpr_sum8_avx2(acc[m * N + n]);
            output[n] = map->bias ? sum + map->bias[n0 + (size_t)n] : sum;
        }
    }
}

/// A tile: M rows of input from m0 on by N outputs from n0 on, along all columns.
typedef void (*tpr_tile_avx2)(const tpr_linear *map, size_t m0, size_t n0);

/// The tiles of a weight type, by the rows of input (1 to 4): the wide one and the one for a single output. Where
/// unpacking weights costs much, also one of 8 rows by one output.
typedef struct {
    int width[4];
    tpr_tile_avx2 wide[4], single[4], tall;
} tpr_tiles_avx2;

/// All tiles of outputs first..<last and all rows. Rows go in groups whose input stays in the second-level cache beside
/// the weights of a chunk; within a group they are the inner loop, so that the weights of a tile stay in the first.
TPR_AVX2 static inline void tpr_run_tiles_avx2(const tpr_tiles_avx2 *tiles, const tpr_linear *map, size_t first,
                                               size_t last) {
    const size_t group = 32;
    for (size_t start = 0; start < map->rows; start += group) {
        size_t end = map->rows - start < group ? map->rows : start + group;
        size_t width = (size_t)tiles->width[end - start < 4 ? end - start - 1 : 3];
        for (size_t n = first; n < last;) {
            size_t step = last - n >= width ? width : 1;
            size_t m = start;
            for (; tiles->tall && m + 8 <= end; m += 8) {
                for (size_t i = 0; i < step; i++) { tiles->tall(map, m, n + i); }
            }
            while (m < end) {
                size_t height = end - m < 4 ? end - m : 4;
                size_t own = (size_t)tiles->width[height - 1];
                size_t i = 0;
                for (; i + own <= step; i += own) { tiles->wide[height - 1](map, m, n + i); }
                for (; i < step; i++) { tiles->single[height - 1](map, m, n + i); }
                m += height;
            }
            n += step;
        }
    }
}

void tpr_linear_plain_avx2(const tpr_linear *map, size_t first, size_t last);
void tpr_linear_blocks32_avx2(const tpr_linear *map, size_t first, size_t last);
void tpr_linear_blocks256_avx2(const tpr_linear *map, size_t first, size_t last);
void tpr_attention_avx2(const tpr_attention *job, void *scratch);
const tpr_ops *tpr_ops_avx2(void);

#endif
#endif
