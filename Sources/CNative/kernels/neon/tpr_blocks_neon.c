// SPDX-License-Identifier: Apache-2.0
// Linear maps of quantized weights, without and with the dot product instructions.
#include "tpr_unpack_neon.h"

#if defined(__aarch64__)

#pragma STDC FP_CONTRACT OFF

enum { TILE = 4 };

#define TPR_NAME(x) x##_neon
#define TPR_TARGET
#define TPR_INLINE TPR_NEON_INLINE
#include "tpr_blocks_neon.inc"

#undef TPR_NAME
#undef TPR_TARGET
#undef TPR_INLINE
#define TPR_NAME(x) x##_neon_dot
#define TPR_TARGET TPR_NEON_DOT
#define TPR_INLINE TPR_NEON_DOT_INLINE
#include "tpr_blocks_neon.inc"

#endif
