// SPDX-License-Identifier: Apache-2.0
// Linear maps of quantized weights for many rows of input: the panels of AVX2, of which a register holds one pair of
// columns of all 16 outputs. Whole sums are exact and each output has a lane, so the bits are those of AVX2.
#include "../avx2/tpr_panels_avx2.h"
#include "tpr_avx512.h"

#if defined(__x86_64__)

#pragma STDC FP_CONTRACT OFF

enum { TILE = 8 };

/// sum + the products of both 16-bit numbers of each lane.
TPR_AVX512_INLINE __m512i add_products_avx512(__m512i sum, __m512i a, __m512i b) {
    return _mm512_add_epi32(sum, _mm512_madd_epi16(a, b));
}

TPR_VNNI_INLINE __m512i add_products_vnni(__m512i sum, __m512i a, __m512i b) { return _mm512_dpwssd_epi32(sum, a, b); }

TPR_AVX512_INLINE __m512i two_columns(const int16_t *at) {
    int both;
    memcpy(&both, at, sizeof both);
    return _mm512_set1_epi32(both);
}

TPR_AVX512_INLINE __m512i load(const void *at) { return _mm512_load_si512(at); }

/// acc += factor * whole sum; the factor is that of the weights times that of the input.
TPR_AVX512_INLINE void scale_in(float *acc, const float *scales, float input_scale, __m512i sums) {
    __m512 factor = _mm512_mul_ps(_mm512_load_ps(scales), _mm512_set1_ps(input_scale));
    _mm512_store_ps(acc, _mm512_fmadd_ps(factor, _mm512_cvtepi32_ps(sums), _mm512_load_ps(acc)));
}

/// A tile of `height` rows, at most TILE, by a panel.
typedef void (*tile)(const tpr_panel *from, size_t columns, const tpr_panel_input *input,
                     float acc[][TPR_PANEL_OUTPUTS]);

/// The tiles of an instruction set by format, as tpr_panel_format says, and height.
typedef struct {
    tile tiles[2][2][TILE];
} tile_table;

#define TILE_OF(SET, TARGET, SUPER, MINIMUM, R)                                                                        \
    TARGET static void tile_##SET##_##SUPER##MINIMUM##_##R(const tpr_panel *from, size_t columns,                      \
                                                           const tpr_panel_input *input,                               \
                                                           float acc[][TPR_PANEL_OUTPUTS]) {                           \
        _Alignas(64) int16_t wide[R][TPR_PANEL_COLUMNS];                                                               \
        for (int r = 0; r < R; r++) {                                                                                  \
            const int8_t *bytes = input->bytes + (size_t)r * input->byte_stride;                                       \
            for (size_t k = 0; k < columns; k += 32) {                                                                 \
                __m256i narrow = tpr_load32_avx2(bytes + k);                                                           \
                _mm512_store_si512(wide[r] + k, _mm512_cvtepi8_epi16(narrow));                                         \
            }                                                                                                          \
        }                                                                                                              \
        for (size_t b = 0; b < (SUPER ? 1 : columns / 32); b++) {                                                      \
            __m512i sums[R];                                                                                           \
            _Pragma("unroll") for (int r = 0; r < R; r++) { sums[r] = _mm512_setzero_si512(); }                        \
            for (size_t pair = 16 * b, end = SUPER ? TPR_PANEL_COLUMNS / 2 : pair + 16; pair < end; pair++) {          \
                __m512i weights = load(from->weights[pair]);                                                           \
                _Pragma("unroll") for (int r = 0; r < R; r++) {                                                        \
                    sums[r] = add_products_##SET(sums[r], weights, two_columns(wide[r] + 2 * pair));                   \
                }                                                                                                      \
            }                                                                                                          \
            _Pragma("unroll") for (int r = 0; r < R; r++) {                                                            \
                float input_scale = input->scales[(size_t)r * input->scale_stride + b];                                \
                scale_in(acc[r], from->scales[b], input_scale, sums[r]);                                               \
                if (!MINIMUM) { continue; }                                                                            \
                const int16_t *input_sums = input->sums + (size_t)r * input->sum_stride;                               \
                __m512i weighted = _mm512_setzero_si512();                                                             \
                if (SUPER) {                                                                                           \
                    _Pragma("unroll") for (int j = 0; j < 8; j++) {                                                    \
                        weighted = add_products_##SET(weighted, load(from->pair_minima[j]),                            \
                                                      two_columns(input_sums + 2 * j));                                \
                    }                                                                                                  \
                } else {                                                                                               \
                    __m256i sum = tpr_input_sum_avx2(input_sums + 8 * b);                                              \
                    weighted = _mm512_broadcastd_epi32(_mm256_castsi256_si128(sum));                                   \
                }                                                                                                      \
                /* The minima of blocks of 256 are subtracted. */                                                      \
                scale_in(acc[r], from->minima[b], SUPER ? -input_scale : input_scale, weighted);                       \
            }                                                                                                          \
        }                                                                                                              \
    }

#define TILES_OF(SET, TARGET, SUPER, MINIMUM)                                                                          \
    TILE_OF(SET, TARGET, SUPER, MINIMUM, 1)                                                                            \
    TILE_OF(SET, TARGET, SUPER, MINIMUM, 2)                                                                            \
    TILE_OF(SET, TARGET, SUPER, MINIMUM, 3)                                                                            \
    TILE_OF(SET, TARGET, SUPER, MINIMUM, 4)                                                                            \
    TILE_OF(SET, TARGET, SUPER, MINIMUM, 5)                                                                            \
    TILE_OF(SET, TARGET, SUPER, MINIMUM, 6)                                                                            \
    TILE_OF(SET, TARGET, SUPER, MINIMUM, 7)                                                                            \
    TILE_OF(SET, TARGET, SUPER, MINIMUM, 8)

#define NAMES_OF(SET, SUPER, MINIMUM)                                                                                  \
    {                                                                                                                  \
        tile_##SET##_##SUPER##MINIMUM##_1, tile_##SET##_##SUPER##MINIMUM##_2, tile_##SET##_##SUPER##MINIMUM##_3,       \
            tile_##SET##_##SUPER##MINIMUM##_4, tile_##SET##_##SUPER##MINIMUM##_5, tile_##SET##_##SUPER##MINIMUM##_6,   \
            tile_##SET##_##SUPER##MINIMUM##_7, tile_##SET##_##SUPER##MINIMUM##_8                                       \
    }

#define TABLE_OF(SET, TARGET)                                                                                          \
    TILES_OF(SET, TARGET, 0, 0)                                                                                        \
    TILES_OF(SET, TARGET, 0, 1)                                                                                        \
    TILES_OF(SET, TARGET, 1, 0)                                                                                        \
    TILES_OF(SET, TARGET, 1, 1)                                                                                        \
    static const tile_table tiles_##SET = {                                                                            \
        {{NAMES_OF(SET, 0, 0), NAMES_OF(SET, 0, 1)}, {NAMES_OF(SET, 1, 0), NAMES_OF(SET, 1, 1)}}};

TABLE_OF(avx512, TPR_AVX512)
TABLE_OF(vnni, TPR_VNNI)

/// Unpacks 16 outputs by `columns` columns, from byte `at` of their rows on.
typedef void (*packing)(const tpr_eight rows[2], size_t at, size_t columns, tpr_panel *into);

#define PACKING32(name, type)                                                                                          \
    TPR_AVX2 static void pack_##name(const tpr_eight rows[2], size_t at, size_t columns, tpr_panel *into) {            \
        tpr_pack32_avx2(type, sizeof(tpr_##name), &rows[0], at, columns, 0, into);                                     \
        tpr_pack32_avx2(type, sizeof(tpr_##name), &rows[1], at, columns, 8, into);                                     \
    }

#define PACKING256(name, type)                                                                                         \
    TPR_AVX2 static void pack_##name(const tpr_eight rows[2], size_t at, size_t columns, tpr_panel *into) {            \
        (void)columns;                                                                                                 \
        tpr_pack256_avx2(type, &rows[0], at, 0, into);                                                                 \
        tpr_pack256_avx2(type, &rows[1], at, 8, into);                                                                 \
    }

PACKING32(q4_0, TPR_Q4_0)
PACKING32(q4_1, TPR_Q4_1)
PACKING32(q5_0, TPR_Q5_0)
PACKING32(q5_1, TPR_Q5_1)
PACKING32(q8_0, TPR_Q8_0)
PACKING256(q2_k, TPR_Q2_K)
PACKING256(q3_k, TPR_Q3_K)
PACKING256(q4_k, TPR_Q4_K)
PACKING256(q5_k, TPR_Q5_K)
PACKING256(q6_k, TPR_Q6_K)

static packing packing_of(uint32_t type) {
    switch (type) {
    case TPR_Q4_0: return pack_q4_0;
    case TPR_Q4_1: return pack_q4_1;
    case TPR_Q5_0: return pack_q5_0;
    case TPR_Q5_1: return pack_q5_1;
    case TPR_Q2_K: return pack_q2_k;
    case TPR_Q3_K: return pack_q3_k;
    case TPR_Q4_K: return pack_q4_k;
    case TPR_Q5_K: return pack_q5_k;
    case TPR_Q6_K: return pack_q6_k;
    default: return pack_q8_0;
    }
}

/// Outputs n0 and on, of which `width` exist (9 to 16), and up to TPR_PANEL_ROWS rows from m0 on.
TPR_AVX512 static void strip(const tile_table *table, const tpr_linear *map, size_t m0, size_t rows, size_t n0,
                             size_t width) {
    const int is_super = tpr_input_kind(map->type) == TPR_INPUT_BLOCKS256;
    const tile *tiles = table->tiles[is_super][tpr_has_minimum(map->type) ? 1 : 0];
    const packing pack = packing_of(map->type);
    const size_t block = is_super ? 256 : 32, sums = is_super ? 16 : 8;
    const size_t blocks = map->columns / block;
    const tpr_eight eights[2] = {tpr_eight_rows_avx2(map, n0, 8), tpr_eight_rows_avx2(map, n0 + 8, width - 8)};
    tpr_panel packed;
    _Alignas(64) float acc[TPR_PANEL_ROWS][TPR_PANEL_OUTPUTS];
    memset(acc, 0, rows * sizeof acc[0]);
    for (size_t k = 0; k < map->columns; k += TPR_PANEL_COLUMNS) {
        size_t columns = map->columns - k < TPR_PANEL_COLUMNS ? map->columns - k : TPR_PANEL_COLUMNS;
        pack(eights, k / block * tpr_block_bytes(map->type), columns, &packed);
        for (size_t m = 0; m < rows; m += TILE) {
            size_t row = m0 + m, height = rows - m < TILE ? rows - m : TILE;
            tpr_panel_input input = {
                map->input.bytes + row * map->columns + k,
                map->input.scales + row * blocks + k / block,
                map->input.sums + (row * blocks + k / block) * sums,
                map->columns,
                blocks,
                blocks * sums,
            };
            tiles[height - 1](&packed, columns, &input, acc + m);
        }
    }
    for (size_t m = 0; m < rows; m++) {
        tpr_store_eight_avx2(map, m0 + m, n0, 8, _mm256_load_ps(acc[m]));
        tpr_store_eight_avx2(map, m0 + m, n0 + 8, width - 8, _mm256_load_ps(acc[m] + 8));
    }
}

static void run(const tile_table *table, const tpr_linear *map, size_t first, size_t last) {
    size_t n = first;
    for (; n + 8 < last; n += TPR_PANEL_OUTPUTS) {
        size_t width = last - n < TPR_PANEL_OUTPUTS ? last - n : TPR_PANEL_OUTPUTS;
        for (size_t m = 0; m < map->rows; m += TPR_PANEL_ROWS) {
            size_t rows = map->rows - m < TPR_PANEL_ROWS ? map->rows - m : TPR_PANEL_ROWS;
            strip(table, map, m, rows, n, width);
        }
    }
    // Half a panel or less is left.
    if (n < last) { tpr_linear_panels_avx2(map, n, last); }
}

void tpr_linear_panels_avx512(const tpr_linear *map, size_t first, size_t last) {
    run(&tiles_avx512, map, first, last);
}

void tpr_linear_panels_vnni(const tpr_linear *map, size_t first, size_t last) { run(&tiles_vnni, map, first, last); }

#endif
