// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A temperature that grows with the entropy: T' = T_lo + (T_hi - T_lo)·(H / ln n)^e, where T_lo = max(0, T - r),
/// T_hi = T + r, and n is the number of candidates. A single candidate stays as it is; T' = 0 takes the likeliest.
///
/// Source: kalomaze 2023; llama.cpp's `llama_sampler_temp_ext_apply`.
struct DynamicTemperature: SamplingStage {
    let temperature: Float
    let parameters: DynamicTemperatureParameters

    func apply(to workspace: inout SamplingWorkspace, context: StageContext) throws(DecodingError) {
        let count = workspace.candidates.count
        guard count > 1 else { return }
        let low = max(0, temperature.decimal - parameters.range.decimal)
        let high = temperature.decimal + parameters.range.decimal
        let share = min(1, workspace.candidates.statistics.entropy / log(Double(count)))
        let temperature = low + (high - low) * pow(share, parameters.exponent.decimal)
        guard temperature > 0 else { return workspace.candidates.keepOnly(at: workspace.candidates.likeliest) }
        try Temperature.divide(&workspace, by: temperature, position: context.position)
    }
}

/// Bends the logits around the largest: l ← max l - k·s·d² + q·s·d³ with d = l - max l, k = (3 - c)/2, q = (c - 1)/2.
///
/// Source: kalomaze 2024, "quadratic sampling"; text-generation-webui's `QuadraticSamplingLogitsWarper`.
struct Quadratic: SamplingStage {
    let parameters: QuadraticParameters

    func apply(to workspace: inout SamplingWorkspace, context: StageContext) throws(DecodingError) {
        let maximum = Double(workspace.candidates.maximum)
        let square = parameters.factor.decimal * (3 - parameters.curve.decimal) / 2
        let cube = parameters.factor.decimal * (parameters.curve.decimal - 1) / 2
        workspace.candidates.withMutableLogits { logits in
            for index in logits.indices {
                let d = Double(logits[index]) - maximum
                logits[index] = Float(maximum + (cube * d - square) * d * d)
            }
        }
        try workspace.candidates.removeBanned(position: context.position)
    }
}
