// SPDX-License-Identifier: Apache-2.0
// The tables for x86-64 processors with AVX-512 (F, BW, DQ, VL), without and with VNNI.
#include "tpr_avx512.h"

#if defined(__x86_64__)

/// Rows of input from which on it pays to unpack weights into panels.
enum { PANEL_ROWS32 = 4, PANEL_ROWS256 = 12 };

static void linear(const tpr_linear *map, size_t first, size_t last,
                   void (*panels)(const tpr_linear *, size_t, size_t)) {
    int kind = tpr_input_kind(map->type);
    if (kind == TPR_INPUT_FLOAT && map->rows > 1) {
        tpr_linear_plain_avx512(map, first, last);
    } else if (kind != TPR_INPUT_FLOAT && map->rows >= (kind == TPR_INPUT_BLOCKS32 ? PANEL_ROWS32 : PANEL_ROWS256)) {
        panels(map, first, last);
    } else {
        tpr_ops_avx2()->linear(map, first, last);
    }
}

static void linear_avx512(const tpr_linear *map, size_t first, size_t last) {
    linear(map, first, last, tpr_linear_panels_avx512);
}

static void linear_vnni(const tpr_linear *map, size_t first, size_t last) {
    linear(map, first, last, tpr_linear_panels_vnni);
}

static tpr_ops avx512_table, vnni_table;

/// Fills the tables before main, when there is one thread.
__attribute__((constructor)) static void fill_tables(void) {
    avx512_table = *tpr_ops_avx2();
    avx512_table.name = "AVX-512";
    avx512_table.linear = linear_avx512;
    vnni_table = *tpr_ops_avx2();
    vnni_table.name = "AVX-512+VNNI";
    vnni_table.linear = linear_vnni;
}

const tpr_ops *tpr_ops_avx512(void) { return &avx512_table; }
const tpr_ops *tpr_ops_vnni(void) { return &vnni_table; }

#endif
