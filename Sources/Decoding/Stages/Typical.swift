// SPDX-License-Identifier: Apache-2.0

/// Keeps the candidates whose surprise is nearest to the entropy, in the order of |-ln p - H|, until their probability
/// reaches P. The candidate that crosses P stays. Of candidates equally near the likelier come first, then smaller ids.
///
/// With c = ln Σ e^l - H the distance is |l - c|: no logarithm is taken. Masses are summed in fixed point.
///
/// Source: Meister et al. 2023, locally typical sampling; `TypicalLogitsWarper` of transformers, llama.cpp.
struct Typical: SamplingStage {
    /// What engines do differently.
    enum Rule {
        /// Until the mass reaches P.
        case reaches
        /// Until the mass exceeds P.
        case exceeds
        /// Until the mass reaches P, and all that are as near as the last.
        case reachesWithTies

        init(_ order: SamplingOrder) {
            self =
                switch order {
                case .llamaCpp: .exceeds
                case .hf: .reachesWithTies
                case .temper, .vllm, .mlx: .reaches
                }
        }
    }

    private let mass: Double
    private let rule: Rule

    init(mass: Float, rule: Rule) {
        self.mass = mass.decimal
        self.rule = rule
    }

    func apply(to workspace: inout SamplingWorkspace, context: StageContext) throws(DecodingError) {
        let count = workspace.candidates.count
        let statistics = workspace.candidates.statistics
        let center = statistics.logSum - statistics.entropy
        workspace.grow(to: count)
        let total = workspace.candidates.withLogits { logits in
            workspace.floats.withUnsafeMutableBufferPointer { keys in
                workspace.weights.withUnsafeMutableBufferPointer { weights in
                    var index = 0
                    var total: UInt64 = 0
                    MassWeight(maximum: Float(statistics.maximum), count: count).forEach(logits) { logit, weight in
                        keys[index] = -Float(abs(Double(logit) - center))
                        weights[index] = weight
                        total += weight
                        index += 1
                    }
                    return total
                }
            }
        }
        var target = UInt64(max(0, (mass * Double(total)).rounded(rule == .exceeds ? .down : .up)))
        if rule == .exceeds { target += 1 }
        target = min(max(target, 1), total)
        let (nearness, rest) = workspace.selection.cutoff(
            keys: workspace.floats[..<count], weights: workspace.weights[..<count], target: target)
        keep(nearness, rest, center: center, &workspace)
    }

    /// Keeps what is nearer than `nearness`, and of what is as near so many that `rest` is reached.
    private func keep(_ nearness: Float, _ rest: UInt64, center: Double, _ workspace: inout SamplingWorkspace) {
        let count = workspace.candidates.count
        if rule != .reachesWithTies {
            var missing = rest
            for isLikelierSide in [true, false] {
                for index in 0..<count where workspace.floats[index] == nearness {
                    guard (Double(workspace.candidates.logit(at: index)) >= center) == isLikelierSide else { continue }
                    if missing == 0 { workspace.floats[index] = -.infinity }
                    missing -= min(missing, workspace.weights[index])
                }
            }
        }
        workspace.floats.withUnsafeBufferPointer { keys in
            workspace.candidates.keepPlaces { keys[$0] >= nearness }
        }
    }
}

extension SamplingWorkspace {
    /// Makes room for one number per candidate.
    mutating func grow(to count: Int) {
        if floats.count < count { floats = [Float](repeating: 0, count: count) }
        if weights.count < count { weights = [UInt64](repeating: 0, count: count) }
    }
}
