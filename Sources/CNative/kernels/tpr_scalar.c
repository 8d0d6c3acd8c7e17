// SPDX-License-Identifier: Apache-2.0
// The reference: every kernel in portable C, lane by lane as tpr_kernels.h defines the order.
#define TPR_NAME(x) tpr_##x##_scalar
#define TPR_TARGET
#include "tpr_elementwise.inc"

/// Rounds value * inverse to the nearest whole number, ties to even, within -127...127.
static int32_t byte_of(float value, float inverse) {
    const float magic = 0x1.8p23f;
    float shifted = value * inverse + magic;
    int32_t whole = (int32_t)(tpr_bits_of_float(shifted) - tpr_bits_of_float(magic));
    whole = whole > 127 ? 127 : whole;
    return whole < -127 ? -127 : whole;
}

/// Quantizes count values in groups of `group`, with sums of each `span`.
static void quantize(const float *values, size_t count, size_t group, size_t span, int8_t *bytes, float *scales,
                     int16_t *sums) {
    for (size_t start = 0; start < count; start += group) {
        uint32_t greatest = 0;
        for (size_t i = start; i < start + group; i++) {
            uint32_t bits = tpr_bits_of_float(values[i]) & 0x7fffffff;
            greatest = bits > greatest ? bits : greatest;
        }
        float inverse;
        scales[start / group] = tpr_byte_scale_scalar(greatest, &inverse);
        for (size_t i = start; i < start + group; i++) { bytes[i] = (int8_t)byte_of(values[i], inverse); }
        for (size_t i = start; i < start + group; i += span) {
            int32_t sum = 0;
            for (size_t j = 0; j < span; j++) { sum += bytes[i + j]; }
            sums[i / span] = (int16_t)sum;
        }
    }
}

static void quantize32(const float *values, size_t count, int8_t *bytes, float *scales, int16_t *sums) {
    quantize(values, count, 32, 4, bytes, scales, sums);
}

static void quantize256(const float *values, size_t count, int8_t *bytes, float *scales, int16_t *sums) {
    quantize(values, count, 256, 16, bytes, scales, sums);
}

static float load_plain(uint32_t type, const uint8_t *row, size_t k) {
    if (type == TPR_F32) {
        float value;
        memcpy(&value, row + 4 * k, 4);
        return value;
    }
    uint16_t bits = tpr_load16(row + 2 * k);
    return type == TPR_F16 ? tpr_float_of_half(bits) : tpr_float_of_bfloat(bits);
}

static float dot_plain(uint32_t type, const uint8_t *row, const float *input, size_t count) {
    float lanes[8] = {0};
    size_t k = 0;
    for (; k + 8 <= count; k += 8) {
        for (size_t l = 0; l < 8; l++) { lanes[l] = fmaf(load_plain(type, row, k + l), input[k + l], lanes[l]); }
    }
    for (size_t l = 0; k < count; k++, l++) { lanes[l] = fmaf(load_plain(type, row, k), input[k], lanes[l]); }
    return tpr_sum_of_lanes_scalar(lanes);
}

static float dot32(uint32_t type, const uint8_t *row, const tpr_input *input, size_t at, size_t count) {
    size_t stride = tpr_block_bytes(type);
    int has_minimum = tpr_has_minimum(type);
    float total = 0;
    for (size_t k = 0; k < count; k += 32, row += stride) {
        tpr_unpacked32 block;
        tpr_unpack32(type, row, &block);
        float scale = input->scales[(at + k) / 32];
        int32_t products = 0, inputs = 0;
        for (size_t i = 0; i < 32; i++) { products += block.values[i] * input->bytes[at + k + i]; }
        for (size_t i = 0; i < 8; i++) { inputs += input->sums[(at + k) / 4 + i]; }
        total = fmaf(block.scale * scale, (float)products, total);
        if (has_minimum) { total = fmaf(block.minimum * scale, (float)inputs, total); }
    }
    return total;
}

static float dot256(uint32_t type, const uint8_t *row, const tpr_input *input, size_t at, size_t count) {
    size_t stride = tpr_block_bytes(type);
    int has_minimum = tpr_has_minimum(type);
    float total = 0;
    for (size_t k = 0; k < count; k += 256, row += stride) {
        tpr_unpacked256 block;
        tpr_unpack256(type, row, &block);
        const int8_t *bytes = input->bytes + at + k;
        const int16_t *sums = input->sums + (at + k) / 16;
        float scale = input->scales[(at + k) / 256];
        int32_t products = 0, minima = 0;
        for (size_t i = 0; i < 256; i++) { products += block.scales[i / 16] * block.values[i] * bytes[i]; }
        for (size_t i = 0; i < 16; i++) { minima += block.minima[i] * sums[i]; }
        total = fmaf(block.scale * scale, (float)products, total);
        if (has_minimum) { total = fmaf(-(block.minimum * scale), (float)minima, total); }
    }
    return total;
}

static void linear(const tpr_linear *map, size_t first, size_t last) {
    int kind = tpr_input_kind(map->type);
    for (size_t n = first; n < last; n++) {
        const uint8_t *row = map->weight + n * map->row_bytes;
        for (size_t m = 0; m < map->rows; m++) {
            size_t at = m * map->columns;
            float sum = kind == TPR_INPUT_FLOAT    ? dot_plain(map->type, row, map->input.floats + at, map->columns)
                        : kind == TPR_INPUT_BLOCKS32 ? dot32(map->type, row, &map->input, at, map->columns)
                                                     : dot256(map->type, row, &map->input, at, map->columns);
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
        .quantize32 = quantize32,
        .quantize256 = quantize256,
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
