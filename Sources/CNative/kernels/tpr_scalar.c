// SPDX-License-Identifier: Apache-2.0
// The reference: every kernel in portable C, lane by lane as tpr_kernels.h defines the order.
#define TPR_NAME(x) tpr_##x##_scalar
#define TPR_TARGET
#include "tpr_elementwise.inc"

static float load_plain(uint32_t type, const uint8_t *row, size_t k) {
    if (type == TPR_F32) {
        float value;
        memcpy(&value, row + 4 * k, 4);
        return value;
    }
    uint16_t bits = tpr_load16(row + 2 * k);
    return type == TPR_F16 ? tpr_float_of_half(bits) : tpr_float_of_bfloat(bits);
}

static void dot_plain(uint32_t type, const uint8_t *row, const float *input, size_t count, float lanes[8]) {
    size_t k = 0;
    for (; k + 8 <= count; k += 8) {
        for (size_t l = 0; l < 8; l++) { lanes[l] = fmaf(load_plain(type, row, k + l), input[k + l], lanes[l]); }
    }
    for (size_t l = 0; k < count; k++, l++) { lanes[l] = fmaf(load_plain(type, row, k), input[k], lanes[l]); }
}

static void dot32(uint32_t type, const uint8_t *row, const tpr_input *input, size_t at, size_t count, float lanes[8]) {
    size_t stride = tpr_block_bytes(type);
    int has_minimum = tpr_has_minimum(type);
    for (size_t k = 0; k < count; k += 32, row += stride) {
        tpr_unpacked32 block;
        tpr_unpack32(type, row, &block);
        float scale = input->scales[(at + k) / 32];
        float factor = block.scale * scale, minimum = block.minimum * scale;
        for (size_t l = 0; l < 8; l++) {
            int32_t sum = 0;
            for (size_t i = 4 * l; i < 4 * l + 4; i++) { sum += block.values[i] * input->bytes[at + k + i]; }
            lanes[l] = fmaf(factor, (float)sum, lanes[l]);
            if (has_minimum) { lanes[l] = fmaf(minimum, (float)input->sums[(at + k) / 4 + l], lanes[l]); }
        }
    }
}

/// Values are taken unsigned, as they are stored; what that adds is subtracted by groups of 16, groups 2l and 2l + 1 in
/// lane l.
static void dot256(uint32_t type, const uint8_t *row, const tpr_input *input, size_t at, size_t count, float lanes[8]) {
    size_t stride = tpr_block_bytes(type);
    int has_minimum = tpr_has_minimum(type);
    int offset = type == TPR_Q6_K ? 32 : type == TPR_Q3_K ? 4 : 0;
    for (size_t k = 0; k < count; k += 256, row += stride) {
        tpr_unpacked256 block;
        tpr_unpack256(type, row, &block);
        const int8_t *bytes = input->bytes + at + k;
        const int16_t *sums = input->sums + (at + k) / 16;
        float scale = input->scales[(at + k) / 256];
        float factor = block.scale * scale, minimum = -(block.minimum * scale);
        int32_t products[8] = {0};
        for (size_t i = 0; i < 256; i++) {
            products[i % 32 / 4] += block.scales[i / 16] * (block.values[i] + offset) * bytes[i];
        }
        for (size_t l = 0; l < 8; l++) {
            products[l] -= offset * (block.scales[2 * l] * sums[2 * l] + block.scales[2 * l + 1] * sums[2 * l + 1]);
            lanes[l] = fmaf(factor, (float)products[l], lanes[l]);
            if (has_minimum) {
                int32_t sum = block.minima[2 * l] * sums[2 * l] + block.minima[2 * l + 1] * sums[2 * l + 1];
                lanes[l] = fmaf(minimum, (float)sum, lanes[l]);
            }
        }
    }
}

static void linear(const tpr_linear *map, size_t first, size_t last, void *scratch) {
    (void)scratch;
    int kind = tpr_input_kind(map->type);
    for (size_t n = first; n < last; n++) {
        const uint8_t *row = map->weight + n * map->row_bytes;
        for (size_t m = 0; m < map->rows; m++) {
            float lanes[8] = {0};
            size_t at = m * map->columns;
            if (kind == TPR_INPUT_FLOAT) {
                dot_plain(map->type, row, map->input.floats + at, map->columns, lanes);
            } else if (kind == TPR_INPUT_BLOCKS32) {
                dot32(map->type, row, &map->input, at, map->columns, lanes);
            } else {
                dot256(map->type, row, &map->input, at, map->columns, lanes);
            }
            float sum = tpr_sum_of_lanes_scalar(lanes);
            map->output[m * map->output_stride + n] = map->bias ? sum + map->bias[n] : sum;
        }
    }
}

static float load_cached(const tpr_attention *job, const uint8_t *vector, size_t d) {
    return load_plain(job->is_half ? TPR_F16 : TPR_F32, vector, d);
}

/// Softmax over blocks of 32 keys from key 0, with a running maximum and sum.
static void attend(const tpr_attention *job, size_t index) {
    const float *query = job->queries[index];
    float *output = job->outputs[index];
    size_t size = job->head_size, element = job->is_half ? 2 : 4;
    int64_t last = job->positions[index];
    int64_t first = job->window > 0 && last >= job->window ? last - job->window + 1 : 0;
    float greatest = -INFINITY, sum = 0;
    for (size_t d = 0; d < size; d++) { output[d] = 0; }
    for (int64_t start = first / 32 * 32; start <= last; start += 32) {
        const uint8_t *block = job->blocks[(size_t)start / job->block_tokens];
        size_t token = (size_t)start % job->block_tokens;
        const uint8_t *keys = block + job->key_offset + token * size * element;
        const uint8_t *values = block + job->value_offset + token * size * element;
        int64_t from = first > start ? first - start : 0, to = last - start < 31 ? last - start + 1 : 32;
        float weights[32], best = greatest;
        for (int64_t i = 0; i < 32; i++) {
            float lanes[8] = {0};
            weights[i] = -INFINITY;
            if (i < from || i >= to) { continue; }
            for (size_t d = 0; d < size; d++) {
                lanes[d % 8] = fmaf(load_cached(job, keys + (size_t)i * size * element, d), query[d], lanes[d % 8]);
            }
            weights[i] = tpr_sum_of_lanes_scalar(lanes) * job->scale;
            best = weights[i] > best ? weights[i] : best;
        }
        float correction = tpr_exp1_scalar(greatest - best);
        float lanes[8] = {0};
        for (size_t i = 0; i < 32; i++) {
            weights[i] = tpr_exp1_scalar(weights[i] - best);
            lanes[i % 8] += weights[i];
        }
        sum = fmaf(sum, correction, tpr_sum_of_lanes_scalar(lanes));
        greatest = best;
        for (size_t d = 0; d < size; d++) {
            float total = output[d] * correction;
            for (int64_t i = from; i < to; i++) {
                total = fmaf(weights[i], load_cached(job, values + (size_t)i * size * element, d), total);
            }
            output[d] = total;
        }
    }
    float factor = 1.0f / sum;
    for (size_t d = 0; d < size; d++) { output[d] *= factor; }
}

static void attention(const tpr_attention *job, void *scratch) {
    (void)scratch;
    for (size_t i = 0; i < job->query_count; i++) { attend(job, i); }
}

static void to_half(const float *values, size_t count, uint16_t *output) {
    for (size_t i = 0; i < count; i++) { output[i] = tpr_half_of_float(values[i]); }
}

const tpr_ops *tpr_ops_scalar(void) {
    static const tpr_ops ops = {
        .name = "scalar",
        .linear = linear,
        .quantize32 = tpr_quantize32_scalar,
        .quantize256 = tpr_quantize256_scalar,
        .attention = attention,
        .dequantize = tpr_dequantize,
        .to_half = to_half,
        .rms_norm = tpr_rms_norm_scalar,
        .layer_norm = tpr_layer_norm_scalar,
        .rope_halves = tpr_rope_halves_scalar,
        .rope_interleaved = tpr_rope_interleaved_scalar,
        .swiglu = tpr_swiglu_scalar,
        .gelu = tpr_gelu_scalar,
        .gelu_tanh = tpr_gelu_tanh_scalar,
        .add = tpr_add_scalar,
        .first_non_finite = tpr_first_non_finite_scalar,
        .log_sum_exp = tpr_log_sum_exp_scalar,
        .exponential = tpr_exponential_scalar,
    };
    return &ops;
}
