// SPDX-License-Identifier: Apache-2.0
// The tables for 64-bit ARM.
#include "tpr_neon.h"

#if defined(__aarch64__)

static void linear(const tpr_linear *map, size_t first, size_t last) {
    switch (tpr_input_kind(map->type)) {
    case TPR_INPUT_FLOAT: tpr_linear_plain_neon(map, first, last); break;
    case TPR_INPUT_BLOCKS32: tpr_linear_blocks32_neon(map, first, last); break;
    default: tpr_linear_blocks256_neon(map, first, last); break;
    }
}

static void linear_dot(const tpr_linear *map, size_t first, size_t last) {
    switch (tpr_input_kind(map->type)) {
    case TPR_INPUT_FLOAT: tpr_linear_plain_neon(map, first, last); break;
    case TPR_INPUT_BLOCKS32: tpr_linear_blocks32_neon_dot(map, first, last); break;
    default: tpr_linear_blocks256_neon_dot(map, first, last); break;
    }
}

static tpr_ops neon_table, neon_dot_table;

/// Fills the tables before main, when there is one thread.
__attribute__((constructor)) static void fill_tables(void) {
    neon_table = *tpr_ops_scalar();
    neon_table.name = "NEON";
    neon_table.linear = linear;
    neon_dot_table = *tpr_ops_scalar();
    neon_dot_table.name = "NEON+DotProd";
    neon_dot_table.linear = linear_dot;
}

const tpr_ops *tpr_ops_neon(void) { return &neon_table; }
const tpr_ops *tpr_ops_neon_dot(void) { return &neon_dot_table; }

#endif
