// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The order of examples by which a model predicts most evenly, found without any labelled data: the model itself makes
/// up inputs, one per order, and predicts the label of each under every order. Source: Lu et al. 2022, "Fantastically
/// Ordered Prompts and Where to Find Them", the metric GlobalE.
public struct OrderProbing: Sendable {
    /// The orders that are compared, as places of the examples: all if there are no more than `count`, else the given one
    /// and random ones.
    public static func orders(of examples: [Int], count: Int, seed: UInt64) -> [[Int]] {
        var total = 1
        for factor in 1...max(1, examples.count) where total <= count { total *= factor }
        if total <= count { return permutations(examples) }
        var orders = [examples]
        var selection = ExampleSelection()
        selection.order = .random
        let pool = ExamplePool([])
        var draw: UInt64 = 0
        // With more orders than are wanted, new ones come soon; the bound is for certainty.
        while orders.count < count, draw < 1024 {
            selection.seed = seed &+ draw
            draw += 1
            let order = selection.arranged(examples, in: pool)
            if !orders.contains(order) { orders.append(order) }
        }
        return orders
    }

    private static func permutations(_ elements: [Int]) -> [[Int]] {
        guard elements.count > 1 else { return [elements] }
        return elements.indices.flatMap { place in
            var rest = elements
            let first = rest.remove(at: place)
            return permutations(rest).map { [first] + $0 }
        }
    }

    /// The place of the best order: with the largest entropy of the labels that are predicted for the probes, of equal
    /// ones with the largest mean entropy of the predictions (LocalE), of equal ones the first.
    ///
    /// - Parameter logprobs: by order, probe and label.
    public static func best(_ logprobs: [[[Double]]]) -> Int {
        var best = 0
        var most = (global: -Double.infinity, local: -Double.infinity)
        for (order, probes) in logprobs.enumerated() {
            let (global, local) = entropies(probes)
            if global > most.global + 1e-12 || (abs(global - most.global) <= 1e-12 && local > most.local) {
                (best, most) = (order, (global, local))
            }
        }
        return best
    }

    /// GlobalE and LocalE in nats, by probe and label.
    package static func entropies(_ probes: [[Double]]) -> (global: Double, local: Double) {
        guard let labelCount = probes.first?.count, labelCount > 0 else { return (0, 0) }
        var counts = [Double](repeating: 0, count: labelCount)
        var local = 0.0
        for logprobs in probes {
            let largest = logprobs.max() ?? 0
            counts[logprobs.firstIndex(of: largest) ?? 0] += 1
            let weights = logprobs.map { exp($0 - largest) }
            local += entropy(weights)
        }
        return (entropy(counts), local / Double(probes.count))
    }

    private static func entropy(_ weights: [Double]) -> Double {
        let total = weights.reduce(0, +)
        return weights.reduce(0) { sum, weight in
            let share = weight / total
            return share > 0 ? sum - share * log(share) : sum
        }
    }
}
