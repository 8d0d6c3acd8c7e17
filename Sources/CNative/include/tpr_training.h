// SPDX-License-Identifier: Apache-2.0
// Kernels of training, all in binary32: matrix products, attention and its gradient, the gradients of norms and
// activations, the loss, the optimizer. One table of function pointers per instruction set, chosen at run time.
//
// Every table gives the same bits. What fixes them:
// - An element of a product accumulates by fused multiply-add in order of depth, in one lane; depth is cut into equal
//   blocks of at most TPR_PRODUCT_DEPTH, and each block goes on from what the ones before it left in the output.
// - Attention goes in blocks of TPR_ATTENTION_ROWS queries by TPR_ATTENTION_KEYS keys that start at row 0 of the sequence.
// - Sums over a row keep 8 lanes as in tpr_kernels.h.
// - Nothing depends on how the rows of a call are divided among calls.
#ifndef TPR_TRAINING_H
#define TPR_TRAINING_H

#include <stddef.h>
#include <stdint.h>

enum {
    TPR_PRODUCT_DEPTH = 256,
    TPR_PRODUCT_WIDTH = 16, // columns of a strip of packed b
    TPR_PRODUCT_ROWS = 48,  // rows that are worked on together: chunks should be multiples of it
    TPR_ATTENTION_ROWS = 48,
    TPR_ATTENTION_KEYS = 128,
};

/// c[i][j] = (accumulates ? c[i][j] : bias ? bias[j] : 0) + sum over k of a(i, k) * b(k, j).
typedef struct {
    size_t columns, depth;
    const float *a;       // a(i, k) = a[i * a_row + k * a_step]; one of both strides is 1
    size_t a_row, a_step;
    const float *b;       // packed: strips of 16 columns, in each depth rows of 16; zero beyond the last column
    float *c;
    size_t c_stride;
    const float *bias;    // [columns] or null
    int accumulates;
} tpr_product;

/// The sequence that attends to itself with the query heads of one key-value head. Pointers are to the first row and to
/// the first element of the head; query head h of the group stands h * head_size further.
typedef struct {
    size_t length, head_size, group;
    size_t window; // a query sees its own key and the window - 1 before it; 0: all before it
    float scale;
    const float *queries, *keys, *values;
    size_t query_stride, key_stride; // of queries, outputs and their gradients; of keys, values and theirs
    float *outputs;                  // written by the forward pass, read by the backward one
    float *log_sums;                 // log of the sum of exponentials of a query's scores; head h at h * log_sum_stride
    size_t log_sum_stride;
    const float *output_gradients;
    float *query_gradients, *key_gradients, *value_gradients; // written
} tpr_self_attention;

/// One step of AdamW on some weights; see Loshchilov & Hutter 2019, algorithm 2.
typedef struct {
    float gradient_scale;
    float keep;                        // 1 - learning rate * weight decay
    float beta1, rest1, beta2, rest2;  // rest = 1 - beta
    float rate;                        // learning rate / (1 - beta1^t)
    float root_scale;                  // 1 / sqrt(1 - beta2^t)
    float epsilon;
} tpr_adamw;

typedef struct {
    const char *name;
    /// Strips first..<last of b(k, j) = b[k * b_step + j * b_column], of which one stride is 1.
    void (*pack)(const float *b, size_t b_step, size_t b_column, size_t depth, size_t columns, size_t first, size_t last,
                 float *packed);
    /// Rows first..<last of c.
    void (*product)(const tpr_product *job, size_t first, size_t last);
    /// `scratch` is tpr_self_attention_scratch_floats large, aligned to 64 bytes.
    void (*attention)(const tpr_self_attention *job, float *scratch);
    void (*attention_gradient)(const tpr_self_attention *job, float *scratch);

    /// y = x * factor * weight with factor = 1 / sqrt(mean(x^2) + epsilon), which is kept for the backward pass.
    void (*rms_norm)(const float *x, size_t count, const float *weight, float epsilon, float *y, float *factor);
    /// dx (+)= ..., weight_gradient += ... of one row.
    void (*rms_norm_gradient)(const float *x, const float *weight, float factor, const float *dy, size_t count,
                              int accumulates, float *dx, float *weight_gradient);
    /// y = (x - mean) * factor * weight + bias with factor = 1 / sqrt(variance + epsilon); `kept` is mean, factor.
    void (*layer_norm)(const float *x, size_t count, const float *weight, const float *bias, float epsilon, float *y,
                       float kept[2]);
    void (*layer_norm_gradient)(const float *x, const float *weight, const float kept[2], const float *dy, size_t count,
                                int accumulates, float *dx, float *weight_gradient, float *bias_gradient);
    void (*swiglu_gradient)(const float *gate, const float *up, const float *dy, size_t count, float *dgate, float *dup);
    /// dx = dy * gelu'(x)
    void (*gelu_gradient)(const float *x, const float *dy, size_t count, float *dx);
    void (*gelu_tanh_gradient)(const float *x, const float *dy, size_t count, float *dx);
    /// Returns -log softmax(logits)[target]. The index of the greatest logit (the first of equal ones) goes to `best`.
    /// Where `gradient_weight` is not null, logits become *gradient_weight * (softmax(logits) - one hot of target).
    float (*cross_entropy)(float *logits, size_t count, size_t target, const float *gradient_weight, size_t *best);

    /// out = a + b; out may be either.
    void (*sum)(const float *a, const float *b, size_t count, float *out);
    /// Adds columns first..<last of rows 0..<rows of x (`columns` apart) to row rows_of[r] of `to`; null: to row 0.
    void (*scatter_add)(const float *x, size_t rows, size_t columns, const int32_t *rows_of, size_t first, size_t last,
                        float *to);
    /// Sum of squares, in 8 lanes of double.
    double (*squares)(const float *values, size_t count);
    void (*adamw)(const tpr_adamw *step, size_t count, const float *gradients, float *weights, float *first_moments,
                  float *second_moments);
} tpr_training_ops;

/// The portable reference.
const tpr_training_ops *tpr_training_ops_scalar(void);
/// The best table this machine runs, found once.
const tpr_training_ops *tpr_training_ops_best(void);

/// Floats that packing b takes.
size_t tpr_packed_floats(size_t depth, size_t columns);
/// Floats of scratch that attention of this size takes, in either direction.
size_t tpr_self_attention_scratch_floats(size_t length, size_t head_size, size_t group);

#endif
