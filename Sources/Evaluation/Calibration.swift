// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Scores of fixed choices without what the model prefers whatever is asked.
public enum Calibration {
    /// What the preference is taken from.
    public enum Method: String, Sendable, CaseIterable {
        /// The mean probability of each choice for inputs without content. Source: Zhao et al. 2021, "Calibrate Before Use".
        case contextual
        /// The mean probability of each choice for a batch of queries, this one among them. Source: Zhou et al. 2024,
        /// "Batch Calibration".
        case batch
        /// The probability of the choice's text after a premise of the domain alone: the pointwise mutual information of
        /// choice and query. Source: Holtzman et al. 2021, "Surface Form Competition".
        case pmi
    }

    /// The logarithm of what each choice's probability is divided by.
    ///
    /// - Parameters:
    ///   - query: log-probabilities of the choices after the query.
    ///   - others: the same after each of the other inputs, at least one; of ``Method/pmi`` exactly one.
    public static func prior(_ method: Method, query: [Double], others: [[Double]]) -> [Double] {
        switch method {
        case .contextual: return logMean(others)
        case .batch: return logMean([query] + others)
        case .pmi: return others.first ?? query.map { _ in 0 }
        }
    }

    /// The log-probabilities among the choices after division by the prior.
    public static func calibrated(_ query: [Double], prior: [Double]) -> [Double] {
        normalized(zip(query, prior).map { $0 - $1 })
    }

    /// Log-probabilities of which the probabilities add up to one.
    static func normalized(_ values: [Double]) -> [Double] {
        let largest = values.max() ?? 0
        let total = largest + log(values.reduce(0) { $0 + exp($1 - largest) })
        return values.map { $0 - total }
    }

    /// The logarithm of the mean over rows of the probabilities among the choices.
    private static func logMean(_ rows: [[Double]]) -> [Double] {
        var sums = rows.first.map { $0.map { _ in 0.0 } } ?? []
        for row in rows { for (place, value) in normalized(row).enumerated() { sums[place] += exp(value) } }
        return sums.map { log($0 / Double(rows.count)) }
    }
}
