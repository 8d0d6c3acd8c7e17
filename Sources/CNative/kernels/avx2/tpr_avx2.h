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

/// Where the weights of the next tile are asked for ahead of their use, as the processor does not foresee them.
typedef struct {
    const uint8_t *next;
    size_t along, across;
} tpr_ahead;

/// The rows of a tile follow each other. Short ones are asked for in the order of memory, `run` bytes for each of `count`
/// rows at a time, long ones each at the place that the tile has come to.
TPR_AVX2_INLINE tpr_ahead tpr_ahead_avx2(const uint8_t *next, size_t row_bytes, size_t count, size_t run) {
    return row_bytes <= 1536 ? (tpr_ahead){next, count, run} : (tpr_ahead){next, 1, row_bytes};
}

/// Asks for 64 bytes: `at` is how far the tile has come along its rows, `n` the row.
TPR_AVX2_INLINE void tpr_ask_avx2(const tpr_ahead *ahead, size_t at, size_t n, size_t line) {
    _mm_prefetch((const char *)(ahead->next + at * ahead->along + n * ahead->across + line), _MM_HINT_T1);
}

/// A tile: M rows of input from m0 on by N outputs from n0 on, along all columns.
typedef void (*tpr_tile_avx2)(const tpr_linear *map, size_t m0, size_t n0);

/// The tiles of a weight type, by the rows of input (1 to 4): the wide one and the one for a single output.
typedef struct {
    int width[4];
    tpr_tile_avx2 wide[4], single[4];
} tpr_tiles_avx2;

/// All tiles of outputs first..<last and all rows. Outputs are the inner loop: the input of a tile stays in the first
/// cache while the weights of a chunk, which are smaller, come from the second.
TPR_AVX2 static inline void tpr_run_tiles_avx2(const tpr_tiles_avx2 *tiles, const tpr_linear *map, size_t first,
                                               size_t last) {
    for (size_t m = 0; m < map->rows;) {
        size_t height = map->rows - m < 4 ? map->rows - m : 4;
        size_t width = (size_t)tiles->width[height - 1];
        size_t n = first;
        for (; n + width <= last; n += width) { tiles->wide[height - 1](map, m, n); }
        for (; n < last; n++) { tiles->single[height - 1](map, m, n); }
        m += height;
    }
}

/// Some rows of input from m0 on by `width` outputs from n0 on, at most eight.
typedef void (*tpr_eight_tile_avx2)(const tpr_linear *map, size_t m0, size_t n0, size_t width);

/// All tiles of outputs first..<last and all rows, eight outputs and up to four rows at a time.
TPR_AVX2 static inline void tpr_run_eights_avx2(const tpr_eight_tile_avx2 tiles[4], const tpr_linear *map, size_t first,
                                                size_t last) {
    for (size_t n = first; n < last; n += 8) {
        size_t width = last - n < 8 ? last - n : 8;
        for (size_t m = 0; m < map->rows; m += 4) {
            tiles[map->rows - m < 4 ? map->rows - m - 1 : 3](map, m, n, width);
        }
    }
}

void tpr_linear_plain_avx2(const tpr_linear *map, size_t first, size_t last);
void tpr_linear_blocks32_avx2(const tpr_linear *map, size_t first, size_t last);
void tpr_linear_blocks256_avx2(const tpr_linear *map, size_t first, size_t last);
void tpr_linear_panels_avx2(const tpr_linear *map, size_t first, size_t last);
void tpr_attention_avx2(const tpr_attention *job, void *scratch);
const tpr_ops *tpr_ops_avx2(void);

#endif
#endif
