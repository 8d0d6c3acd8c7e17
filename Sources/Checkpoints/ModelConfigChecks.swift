// SPDX-License-Identifier: Apache-2.0

/// The names by which a format calls the hyper-parameters, so that an error can name the key to look at.
struct HyperparameterNames {
    var vocabularySize: String
    var contextLength: String
    var width: String
    var layerCount: String
    var headCount: String
    var kvHeadCount: String
    var headSize: String
    var feedForwardWidth: String
    var normEpsilon: String
    var ropeBase: String
    var ropeDimensions: String
    var ropeScaling: String
    var slidingWindow: String
}

extension ModelConfig {
    /// What hyper-parameters may be at most. No model of today comes near; any product of a few of them fits an `Int`.
    package enum Limits {
        package static let vocabularySize = 1 << 24
        package static let contextLength = 1 << 26
        package static let width = 1 << 18
        package static let layerCount = 4096
        package static let headCount = 4096
        package static let headSize = 1 << 14
        package static let feedForwardWidth = 1 << 22
    }

    /// Checks that every hyper-parameter is in range and that they fit each other.
    func validate(_ names: HyperparameterNames, file: String) throws(CheckpointError) {
        func check(_ key: String, _ value: Int, _ limit: Int) throws(CheckpointError) {
            guard value >= 1, value <= limit else {
                throw .badValue(file: file, key: key, expected: "1 to \(limit)", found: "\(value)")
            }
        }
        try check(names.vocabularySize, vocabularySize, Limits.vocabularySize)
        try check(names.contextLength, contextLength, Limits.contextLength)
        try check(names.width, width, Limits.width)
        try check(names.layerCount, layerCount, Limits.layerCount)
        try check(names.headCount, headCount, Limits.headCount)
        try check(names.kvHeadCount, kvHeadCount, Limits.headCount)
        try check(names.headSize, headSize, Limits.headSize)
        try check(names.feedForwardWidth, feedForwardWidth, Limits.feedForwardWidth)
        guard headCount % kvHeadCount == 0 else {
            throw .badValue(
                file: file, key: names.kvHeadCount, expected: "a divisor of the \(headCount) query heads",
                found: "\(kvHeadCount)")
        }
        guard normEpsilon.isFinite, normEpsilon > 0, normEpsilon <= 1 else {
            throw .badValue(
                file: file, key: names.normEpsilon, expected: "a number above 0 and at most 1", found: "\(normEpsilon)")
        }
        if let slidingWindow { try check(names.slidingWindow, slidingWindow, Limits.contextLength) }
        if let rope { try validate(rope, names, file: file) }
        if family == .gpt2 {
            guard kvHeadCount == headCount, headCount * headSize == width else {
                throw .badValue(
                    file: file, key: names.headCount,
                    expected: "heads of query, key and value that share the width \(width)",
                    found: "\(headCount) query and \(kvHeadCount) key heads of size \(headSize)")
            }
        }
    }

    private func validate(
        _ rope: RopeConfig, _ names: HyperparameterNames, file: String
    ) throws(CheckpointError) {
        guard rope.dimensions >= 2, rope.dimensions % 2 == 0, rope.dimensions <= headSize else {
            throw .badValue(
                file: file, key: names.ropeDimensions, expected: "an even number from 2 to the head size \(headSize)",
                found: "\(rope.dimensions)")
        }
        guard rope.base.isFinite, rope.base >= 1, rope.base <= 1e15 else {
            throw .badValue(file: file, key: names.ropeBase, expected: "1 to 1e15", found: "\(rope.base)")
        }
        func check(_ part: String, _ value: Double, above low: Double = 0) throws(CheckpointError) {
            guard value.isFinite, value > low, value <= 1e6 else {
                throw .badValue(
                    file: file, key: names.ropeScaling + part, expected: "a number above \(low) and at most 1e6",
                    found: "\(value)")
            }
        }
        func check(original: Int) throws(CheckpointError) {
            guard original >= 1, original <= Limits.contextLength else {
                throw .badValue(
                    file: file, key: names.ropeScaling + ": original context",
                    expected: "1 to \(Limits.contextLength)", found: "\(original)")
            }
        }
        switch rope.scaling {
        case .none: break
        case .linear(let factor): try check(": factor", factor)
        case .llama3(let factor, let low, let high, let original):
            try check(": factor", factor)
            try check(": low_freq_factor", low)
            try check(": high_freq_factor", high, above: low)
            try check(original: original)
        case .yarn(let factor, let original, let fast, let slow, let attention):
            try check(": factor", factor)
            try check(": beta_slow", slow)
            try check(": beta_fast", fast, above: slow)
            if let attention { try check(": attention factor", attention) }
            try check(original: original)
        case .factors(let factors):
            guard factors.count == rope.dimensions / 2 else {
                throw .badTensor(
                    file: file, name: "rope_freqs.weight", expected: "\(rope.dimensions / 2) factors",
                    found: "\(factors.count)")
            }
            for (index, factor) in factors.enumerated() where !(factor.isFinite && factor > 0) {
                throw .badTensor(
                    file: file, name: "rope_freqs.weight", expected: "finite factors above 0",
                    found: "\(factor) at \(index)")
            }
        }
    }
}
