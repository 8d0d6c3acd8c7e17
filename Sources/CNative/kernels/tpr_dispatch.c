// SPDX-License-Identifier: Apache-2.0
// Which table of kernels this machine runs. A further instruction set is a folder beside avx2 and a line here.
#include "avx2/tpr_avx2.h"
#include "avx512/tpr_avx512.h"
#include "neon/tpr_neon.h"

#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

size_t tpr_attention_scratch_bytes(size_t head_size) {
    // Per query 32 weights, a maximum and a sum; then a block of keys and one of values as floats.
    return TPR_ATTENTION_QUERIES * 34 * sizeof(float) + 2 * 32 * head_size * sizeof(float);
}

const tpr_ops *tpr_ops_best(void) {
#if defined(__x86_64__)
    // The compiler's runtime asks the processor, and the system whether it saves the wide registers.
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c")) {
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
            return __builtin_cpu_supports("avx512vnni") ? tpr_ops_vnni() : tpr_ops_avx512();
        }
        return tpr_ops_avx2();
    }
#elif defined(__aarch64__)
    const unsigned long dot_products = 1ul << 20; // HWCAP_ASIMDDP
    return getauxval(AT_HWCAP) & dot_products ? tpr_ops_neon_dot() : tpr_ops_neon();
#endif
    return tpr_ops_scalar();
}
