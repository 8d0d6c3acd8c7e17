// SPDX-License-Identifier: Apache-2.0
// Shared by the AVX-512 kernels. What they do not do is left to AVX2: a single row of input, and few, are bound by
// memory; dot products of bfloat16 pairs (BF16) and attention by lanes of 16 would round in another order.
#ifndef TPR_AVX512_H
#define TPR_AVX512_H

#include "../avx2/tpr_avx2.h"

#if defined(__x86_64__)

#define TPR_AVX512_FEATURES "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl"
#define TPR_AVX512 __attribute__((target(TPR_AVX512_FEATURES)))
#define TPR_AVX512_INLINE static inline __attribute__((always_inline, target(TPR_AVX512_FEATURES)))
#define TPR_VNNI __attribute__((target(TPR_AVX512_FEATURES ",avx512vnni")))
#define TPR_VNNI_INLINE static inline __attribute__((always_inline, target(TPR_AVX512_FEATURES ",avx512vnni")))

/// Two or more rows of input.
void tpr_linear_plain_avx512(const tpr_linear *map, size_t first, size_t last);
void tpr_linear_panels_avx512(const tpr_linear *map, size_t first, size_t last);
/// The same with VNNI's fused multiply and add of 16-bit pairs.
void tpr_linear_panels_vnni(const tpr_linear *map, size_t first, size_t last);

/// AVX2's table with these in it.
const tpr_ops *tpr_ops_avx512(void);
const tpr_ops *tpr_ops_vnni(void);

#endif
#endif
