// SPDX-License-Identifier: Apache-2.0

import Glibc

extension RopeConfig {
    /// How much YaRN scales queries and keys for a context stretched by `factor` (Peng et al. 2023, equation 22):
    /// 0.1 · `scale` · ln(factor) + 1, and 1 where nothing is stretched.
    public static func yarnAttentionFactor(_ factor: Double, scale: Double = 1) -> Double {
        factor <= 1 ? 1 : 0.1 * scale * log(factor) + 1
    }
}
