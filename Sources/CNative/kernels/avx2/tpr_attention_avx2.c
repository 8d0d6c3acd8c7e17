// SPDX-License-Identifier: Apache-2.0
// Attention of up to 32 queries over one key-value head: per block of 32 keys the scores in tiles of 3 queries by 4
// keys, the exponentials, and the weighted sum of values in tiles of 3 queries by 32 elements.
#include "tpr_avx2.h"

#if defined(__x86_64__)

#include <math.h>

#pragma STDC FP_CONTRACT OFF

/// Eight times e^x: exp1 of tpr_elementwise.inc, step by step.
TPR_AVX2_INLINE __m256 exp8(__m256 x) {
    const __m256 magic = _mm256_set1_ps(0x1.8p23f), least = _mm256_set1_ps(-87.0f);
    // max and min return their second operand where one is NaN; NaN is put back at the end.
    __m256 clamped = _mm256_min_ps(_mm256_max_ps(x, least), _mm256_set1_ps(89.0f));
    __m256 shifted = _mm256_fmadd_ps(clamped, _mm256_set1_ps(0x1.715476p+0f), magic);
    __m256 n = _mm256_sub_ps(shifted, magic);
    __m256 r = _mm256_fmadd_ps(n, _mm256_set1_ps(-0x1.62e4p-1f), clamped);
    r = _mm256_fmadd_ps(n, _mm256_set1_ps(-0x1.7f7d1cp-20f), r);
    __m256 p = _mm256_set1_ps(0x1.6db586p-10f);
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(0x1.125728p-7f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(0x1.555458p-5f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(0x1.555462p-3f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(0.5f));
    p = _mm256_add_ps(_mm256_fmadd_ps(p, _mm256_mul_ps(r, r), r), _mm256_set1_ps(1.0f));
    __m256i whole = _mm256_sub_epi32(_mm256_castps_si256(shifted), _mm256_castps_si256(magic));
    __m256i half = _mm256_srai_epi32(whole, 1);
    __m256i bias = _mm256_set1_epi32(127);
    __m256i first = _mm256_slli_epi32(_mm256_add_epi32(half, bias), 23);
    __m256i second = _mm256_slli_epi32(_mm256_add_epi32(_mm256_sub_epi32(whole, half), bias), 23);
    __m256 result = _mm256_mul_ps(_mm256_mul_ps(p, _mm256_castsi256_ps(first)), _mm256_castsi256_ps(second));
    result = _mm256_andnot_ps(_mm256_cmp_ps(x, least, _CMP_LT_OQ), result);
    return _mm256_blendv_ps(result, x, _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
}

/// Eight cached elements.
TPR_AVX2_INLINE __m256 load8(int is_half, const uint8_t *vector, size_t d) {
    if (is_half) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(vector + 2 * d))); }
    return _mm256_loadu_ps((const float *)(const void *)(vector + 4 * d));
}

/// A block of 32 keys or values as this uses it.
typedef struct {
    const uint8_t *vectors;
    size_t stride; // bytes from one token to the next
    int is_half;
} cached;

/// Scores of Q queries with 32 keys, before the scale.
TPR_AVX2_INLINE void scores(int Q, int is_half, const float *const *queries, const cached *keys, size_t size,
                            float *const *to) {
    for (size_t key = 0; key < 32; key += 4) {
        const uint8_t *vectors = keys->vectors + key * keys->stride;
        __m256 acc[12];
#pragma unroll
        for (int i = 0; i < 4 * Q; i++) { acc[i] = _mm256_setzero_ps(); }
        for (size_t d = 0; d < size; d += 8) {
            __m256 q[3];
#pragma unroll
            for (int i = 0; i < Q; i++) { q[i] = _mm256_loadu_ps(queries[i] + d); }
#pragma unroll
            for (int k = 0; k < 4; k++) {
                __m256 vector = load8(is_half, vectors + (size_t)k * keys->stride, d);
#pragma unroll
                for (int i = 0; i < Q; i++) { acc[4 * i + k] = _mm256_fmadd_ps(vector, q[i], acc[4 * i + k]); }
            }
        }
#pragma unroll
        for (int i = 0; i < Q; i++) {
            _mm_storeu_ps(to[i] + key, tpr_sum8x4_avx2(acc[4 * i], acc[4 * i + 1], acc[4 * i + 2], acc[4 * i + 3]));
        }
    }
}

/// Adds weights[from..<to] times their values to elements d..<d + 8 * V of Q outputs.
TPR_AVX2_INLINE void weigh(int Q, int V, int is_half, float *const *weights, const cached *values, size_t from,
                           size_t to, size_t d, float *const *outputs) {
    __m256 acc[12];
#pragma unroll
    for (int i = 0; i < Q * V; i++) { acc[i] = _mm256_loadu_ps(outputs[i / V] + d + (size_t)(i % V) * 8); }
    for (size_t key = from; key < to; key++) {
        const uint8_t *vector = values->vectors + key * values->stride;
        __m256 w[3];
#pragma unroll
        for (int i = 0; i < Q; i++) { w[i] = _mm256_broadcast_ss(weights[i] + key); }
#pragma unroll
        for (int v = 0; v < V; v++) {
            __m256 value = load8(is_half, vector, d + (size_t)v * 8);
#pragma unroll
            for (int i = 0; i < Q; i++) { acc[i * V + v] = _mm256_fmadd_ps(w[i], value, acc[i * V + v]); }
        }
    }
#pragma unroll
    for (int i = 0; i < Q * V; i++) { _mm256_storeu_ps(outputs[i / V] + d + (size_t)(i % V) * 8, acc[i]); }
}

TPR_AVX2_INLINE void weigh_all(int Q, int is_half, float *const *weights, const cached *values, size_t from, size_t to,
                               size_t size, float *const *outputs) {
    size_t d = 0;
    for (; d + 32 <= size; d += 32) { weigh(Q, 4, is_half, weights, values, from, to, d, outputs); }
    for (; d < size; d += 8) { weigh(Q, 1, is_half, weights, values, from, to, d, outputs); }
}

#define TILE(Q, name, is_half)                                                                                         \
    TPR_AVX2 static void scores_##Q##_##name(const float *const *queries, const cached *keys, size_t size,             \
                                             float *const *to) {                                                       \
        scores(Q, is_half, queries, keys, size, to);                                                                   \
    }                                                                                                                  \
    TPR_AVX2 static void weigh_##Q##_##name(float *const *weights, const cached *values, size_t from, size_t to,       \
                                            size_t size, float *const *outputs) {                                      \
        weigh_all(Q, is_half, weights, values, from, to, size, outputs);                                               \
    }

TILE(1, f32, 0)
TILE(2, f32, 0)
TILE(3, f32, 0)
TILE(1, f16, 1)
TILE(2, f16, 1)
TILE(3, f16, 1)

typedef void (*scores_tile)(const float *const *, const cached *, size_t, float *const *);
typedef void (*weigh_tile)(float *const *, const cached *, size_t, size_t, size_t, float *const *);
static const scores_tile score_tiles[2][3] = {{scores_1_f32, scores_2_f32, scores_3_f32},
                                              {scores_1_f16, scores_2_f16, scores_3_f16}};
static const weigh_tile weigh_tiles[2][3] = {{weigh_1_f32, weigh_2_f32, weigh_3_f32},
                                             {weigh_1_f16, weigh_2_f16, weigh_3_f16}};

/// What a call keeps in scratch; the converted keys and values follow it.
typedef struct {
    float weights[TPR_ATTENTION_QUERIES][32];
    float greatest[TPR_ATTENTION_QUERIES], sums[TPR_ATTENTION_QUERIES];
    float converted[];
} state;

/// The keys of a block that a query sees: from..<to, within 0...32.
static inline void visible(const tpr_attention *job, size_t query, int64_t start, int64_t *from, int64_t *to) {
    int64_t last = job->positions[query];
    int64_t first = job->window > 0 && last >= job->window ? last - job->window + 1 : 0;
    *from = first > start ? first - start : 0;
    *to = last - start < 31 ? last - start + 1 : 32;
}

/// Scores to weights: scales, masks, updates the running maximum and sum, and scales the output down to the new maximum.
TPR_AVX2 static void soften(const tpr_attention *job, state *state, size_t query, int from, int to) {
    float *weights = state->weights[query];
    const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256 scale = _mm256_set1_ps(job->scale), lowest = _mm256_set1_ps(-INFINITY);
    __m256 w[4];
    __m256 best = _mm256_set1_ps(state->greatest[query]);
    for (int i = 0; i < 4; i++) {
        __m256i key = _mm256_add_epi32(index, _mm256_set1_epi32(8 * i));
        __m256i is_seen = _mm256_and_si256(_mm256_cmpgt_epi32(key, _mm256_set1_epi32(from - 1)),
                                           _mm256_cmpgt_epi32(_mm256_set1_epi32(to), key));
        w[i] = _mm256_mul_ps(_mm256_loadu_ps(weights + 8 * i), scale);
        w[i] = _mm256_blendv_ps(lowest, w[i], _mm256_castsi256_ps(is_seen));
        best = _mm256_max_ps(w[i], best); // a NaN score is passed over, as in the reference
    }
    __m128 high = _mm_max_ps(_mm256_castps256_ps128(best), _mm256_extractf128_ps(best, 1));
    high = _mm_max_ps(high, _mm_movehl_ps(high, high));
    high = _mm_max_ss(high, _mm_movehdup_ps(high));
    float greatest = _mm_cvtss_f32(high);
    best = _mm256_set1_ps(greatest);
    __m256 lanes = _mm256_setzero_ps();
    for (int i = 0; i < 4; i++) {
        w[i] = exp8(_mm256_sub_ps(w[i], best));
        lanes = _mm256_add_ps(lanes, w[i]);
        _mm256_storeu_ps(weights + 8 * i, w[i]);
    }
    __m256 correction = exp8(_mm256_set1_ps(state->greatest[query] - greatest));
    float factor = _mm256_cvtss_f32(correction);
    state->sums[query] = fmaf(state->sums[query], factor, tpr_sum8_avx2(lanes));
    state->greatest[query] = greatest;
    float *output = job->outputs[query];
    for (size_t d = 0; d < job->head_size; d += 8) {
        _mm256_storeu_ps(output + d, _mm256_mul_ps(_mm256_loadu_ps(output + d), correction));
    }
}

/// A block as floats in scratch; of binary16, or of blocks of 32 bytes with a scale.
TPR_AVX2 static void convert(cached *block, uint32_t type, size_t size, float *to) {
    for (size_t key = 0; key < 32; key++) {
        const uint8_t *vector = block->vectors + key * block->stride;
        float *row = to + key * size;
        if (type == TPR_F16) {
            for (size_t d = 0; d < size; d += 8) { _mm256_storeu_ps(row + d, load8(1, vector, d)); }
            continue;
        }
        for (size_t part = 0; part < size / 32; part++) {
            const tpr_q8_0 *bytes = (const tpr_q8_0 *)(const void *)vector + part;
            __m256 scale = _mm256_set1_ps(tpr_load_half(bytes->d));
            for (size_t d = 0; d < 32; d += 8) {
                __m256i whole = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)(bytes->qs + d)));
                _mm256_storeu_ps(row + 32 * part + d, _mm256_mul_ps(scale, _mm256_cvtepi32_ps(whole)));
            }
        }
    }
    block->vectors = (const uint8_t *)to;
    block->stride = size * sizeof(float);
    block->is_half = 0;
}

/// Adds the values of one block for the queries in `active`: what all of a tile see together, then the rest one by one.
TPR_AVX2 static void weigh_block(const tpr_attention *job, state *state, const cached *values, int64_t start,
                                 const size_t *active, size_t count) {
    for (size_t i = 0; i < count; i += 3) {
        size_t tile = count - i < 3 ? count - i : 3;
        float *weights[3], *outputs[3];
        int64_t from[3], to[3], least = 32;
        int is_even = 1;
        for (size_t q = 0; q < tile; q++) {
            weights[q] = state->weights[active[i + q]];
            outputs[q] = job->outputs[active[i + q]];
            visible(job, active[i + q], start, &from[q], &to[q]);
            least = to[q] < least ? to[q] : least;
            is_even = is_even && from[q] == from[0];
        }
        int64_t common = is_even && least > from[0] ? least : from[0];
        if (is_even && common > from[0]) {
            weigh_tiles[values->is_half][tile - 1](weights, values, (size_t)from[0], (size_t)common, job->head_size,
                                                   outputs);
        }
        for (size_t q = 0; q < tile; q++) {
            int64_t next = is_even ? common : from[q];
            if (next < to[q]) {
                weigh_tiles[values->is_half][0](weights + q, values, (size_t)next, (size_t)to[q], job->head_size,
                                                outputs + q);
            }
        }
    }
}

/// One block of keys for all queries that see any of it.
TPR_AVX2 static void attend_block(const tpr_attention *job, state *state, int64_t start) {
    size_t active[TPR_ATTENTION_QUERIES], count = 0;
    for (size_t q = 0; q < job->query_count; q++) {
        int64_t from, to;
        visible(job, q, start, &from, &to);
        if (from < 32 && to > from) { active[count++] = q; }
    }
    size_t size = job->head_size, stride = tpr_vector_bytes(job->type, size);
    const uint8_t *block = job->blocks[(size_t)start / job->block_tokens];
    size_t token = (size_t)start % job->block_tokens;
    cached keys = {block + job->key_offset + token * stride, stride, job->type == TPR_F16};
    cached values = {block + job->value_offset + token * stride, stride, job->type == TPR_F16};
    if (job->type == TPR_Q8_0 || (job->type == TPR_F16 && count > 3)) {
        // Several tiles read the block, or none can: convert it once.
        convert(&keys, job->type, size, state->converted);
        convert(&values, job->type, size, state->converted + 32 * size);
    }
    for (size_t i = 0; i < count; i += 3) {
        size_t tile = count - i < 3 ? count - i : 3;
        const float *queries[3];
        float *weights[3];
        for (size_t q = 0; q < tile; q++) {
            queries[q] = job->queries[active[i + q]];
            weights[q] = state->weights[active[i + q]];
        }
        score_tiles[keys.is_half][tile - 1](queries, &keys, size, weights);
    }
    for (size_t i = 0; i < count; i++) {
        int64_t from, to;
        visible(job, active[i], start, &from, &to);
        soften(job, state, active[i], (int)from, (int)to);
    }
    weigh_block(job, state, &values, start, active, count);
}

TPR_AVX2 static void attend(const tpr_attention *job, state *state) {
    int64_t first = INT64_MAX, last = -1;
    for (size_t q = 0; q < job->query_count; q++) {
        int64_t position = job->positions[q];
        int64_t start = job->window > 0 && position >= job->window ? position - job->window + 1 : 0;
        first = start < first ? start : first;
        last = position > last ? position : last;
        state->greatest[q] = -INFINITY;
        state->sums[q] = 0;
        memset(job->outputs[q], 0, job->head_size * sizeof(float));
    }
    for (int64_t start = first / 32 * 32; start <= last; start += 32) { attend_block(job, state, start); }
    for (size_t q = 0; q < job->query_count; q++) {
        __m256 factor = _mm256_set1_ps(1.0f / state->sums[q]);
        float *output = job->outputs[q];
        for (size_t d = 0; d < job->head_size; d += 8) {
            _mm256_storeu_ps(output + d, _mm256_mul_ps(_mm256_loadu_ps(output + d), factor));
        }
    }
}

void tpr_attention_avx2(const tpr_attention *job, void *scratch) {
    if (job->head_size % 8 != 0) { // no known model: the reference will do
        tpr_ops_scalar()->attention(job, scratch);
    } else {
        attend(job, scratch);
    }
}

#endif
