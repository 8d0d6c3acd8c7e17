// SPDX-License-Identifier: Apache-2.0
// Numeric kernels, one table of function pointers per instruction set, chosen at run time.
//
// Every table gives the same bits. What fixes them:
// - A dot product by plain weights keeps 8 float lanes: element k belongs to lane k % 8, and a lane accumulates by fused
//   multiply-add in order of k.
// - By block formats, the products of a block are summed exactly, as whole numbers (with the scales of its parts, where
//   these are whole numbers), converted to float, and accumulated by fused multiply-add in order of blocks: of each first
//   the products, then the minima.
// - The lanes s are summed as ((s0+s4)+(s2+s6)) + ((s1+s5)+(s3+s7)).
// - Nothing of this depends on how many rows or outputs a call computes.
#ifndef TPR_KERNELS_H
#define TPR_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/// Element types, numbered as in the GGUF specification.
enum {
    TPR_F32 = 0,
    TPR_F16 = 1,
    TPR_Q4_0 = 2,
    TPR_Q4_1 = 3,
    TPR_Q5_0 = 6,
    TPR_Q5_1 = 7,
    TPR_Q8_0 = 8,
    TPR_Q2_K = 10,
    TPR_Q3_K = 11,
    TPR_Q4_K = 12,
    TPR_Q5_K = 13,
    TPR_Q6_K = 14,
    TPR_BF16 = 30,
};

/// How the activations of a linear map are given.
enum {
    TPR_INPUT_FLOAT = 0,     // plain float rows
    TPR_INPUT_BLOCKS32 = 1,  // int8, a scale per 32, int16 sums of each 4
    TPR_INPUT_BLOCKS256 = 2, // int8, a scale per 256, int16 sums of each 16
};

/// Rows of activations, all contiguous: row r of `values` starts at r * columns, of the others at the same place divided
/// by the elements they cover.
typedef struct {
    const float *floats;
    const int8_t *bytes;
    const float *scales;
    const int16_t *sums;
} tpr_input;

/// output[m * output_stride + n] = sum over k of input[m][k] * weight[n][k], plus bias[n] if there is one.
typedef struct {
    uint32_t type;
    const uint8_t *weight;
    size_t row_bytes;
    const float *bias;
    float *output;
    size_t output_stride;
    size_t rows;
    size_t columns;
    tpr_input input;
} tpr_linear;

/// Queries that attend to one key-value head: `query_count` vectors, in one sequence.
typedef struct {
    size_t head_size;
    size_t query_count;
    const float *const *queries;      // [query_count] vectors of head_size
    float *const *outputs;            // [query_count] vectors of head_size
    const int32_t *positions;         // [query_count] last key each query sees
    int32_t window;                   // keys > position - window; 0: no window
    float scale;
    void *const *blocks;              // block j holds tokens j * block_tokens and on
    size_t block_tokens;              // a multiple of 32
    size_t key_offset, value_offset;  // bytes from the block's start to [token][head_size] of this head
    uint32_t type;                    // of the cache: TPR_F32, TPR_F16, or TPR_Q8_0 with heads of whole blocks
} tpr_attention;

/// The most queries of one tpr_attention.
enum { TPR_ATTENTION_QUERIES = 32 };

/// The kernels of one instruction set.
typedef struct {
    const char *name;
    /// Outputs first..<last of a linear map, all rows.
    void (*linear)(const tpr_linear *map, size_t first, size_t last);
    /// One row of activations to int8 blocks of 32 (count a multiple of 32) or 256.
    void (*quantize32)(const float *values, size_t count, int8_t *bytes, float *scales, int16_t *sums);
    void (*quantize256)(const float *values, size_t count, int8_t *bytes, float *scales, int16_t *sums);
    /// `scratch` is tpr_attention_scratch_bytes(head_size) large, aligned to 64.
    void (*attention)(const tpr_attention *job, void *scratch);
    void (*dequantize)(uint32_t type, const void *blocks, size_t count, float *output);
    void (*to_half)(const float *values, size_t count, uint16_t *output);
    void (*rms_norm)(const float *values, size_t count, const float *weight, float epsilon, float *output);
    void (*layer_norm)(const float *values, size_t count, const float *weight, const float *bias, float epsilon,
                       float *output);
    /// Rotates one head in place; cosines and sines hold `pairs` entries.
    void (*rope_halves)(float *head, size_t pairs, const float *cosines, const float *sines);
    void (*rope_interleaved)(float *head, size_t pairs, const float *cosines, const float *sines);
    void (*swiglu)(const float *gate, const float *up, size_t count, float *output);
    void (*gelu)(float *values, size_t count);
    void (*gelu_tanh)(float *values, size_t count);
    void (*add)(const float *values, size_t count, float *to);
    /// Index of the first value that is NaN or infinite, or count.
    size_t (*first_non_finite)(const float *values, size_t count);
    float (*log_sum_exp)(const float *values, size_t count);
    void (*exponential)(const float *values, size_t count, float *output);
} tpr_ops;

/// The portable reference.
const tpr_ops *tpr_ops_scalar(void);
/// The best table this machine runs, found once.
const tpr_ops *tpr_ops_best(void);

/// Elements in a block of `type` and its bytes; 0 for a type that does not exist.
size_t tpr_block_size(uint32_t type);
size_t tpr_block_bytes(uint32_t type);
/// The kind of input that linear maps of this weight type take.
int tpr_input_kind(uint32_t type);

/// The bytes of `count` elements of `type`, whole blocks.
static inline size_t tpr_vector_bytes(uint32_t type, size_t count) {
    return count / tpr_block_size(type) * tpr_block_bytes(type);
}

/// Scratch that tpr_ops.attention needs for heads of this size.
size_t tpr_attention_scratch_bytes(size_t head_size);
/// Outputs a call of tpr_ops.linear computes best at a time, for several rows and for one: chunks should be multiples.
enum { TPR_LINEAR_TILE = 48, TPR_LINEAR_ROW_TILE = 8 };

#endif
