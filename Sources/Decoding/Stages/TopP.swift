// SPDX-License-Identifier: Apache-2.0

/// Keeps the smallest set of likeliest candidates whose probability reaches P. The candidate that crosses P stays.
///
/// Source: Holtzman et al. 2020, nucleus sampling. Probabilities are those of the candidates that are left, taken in
/// the sorted order: logit descending, then id ascending. They are summed in fixed point (``MassWeight``), exactly in
/// whatever order; P is the decimal that the request wrote, not the float nearest to it.
struct TopP: SamplingStage {
    private let mass: Double

    init(_ mass: Float) {
        self.mass = mass.decimal
    }

    func apply(to workspace: inout SamplingWorkspace, context: StageContext) throws(DecodingError) {
        let maximum = workspace.candidates.maximum
        let cutoff = workspace.candidates.withLogits {
            workspace.selection.cutoff(mass: mass, in: $0, maximum: maximum)
        }
        workspace.candidates.keep(before: cutoff)
    }
}
