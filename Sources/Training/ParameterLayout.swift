// SPDX-License-Identifier: Apache-2.0

internal import Architectures
internal import Checkpoints

/// A weight under training: where its elements are among those of all weights.
struct TrainableParameter: Sendable, Equatable {
    /// Its first element.
    let offset: Int
    /// Outermost first: `[outputs, inputs]` or `[count]`.
    let shape: [Int]

    /// Of a matrix: its rows.
    var outputs: Int { shape[0] }
    /// The size of the innermost dimension.
    var inputs: Int { shape[shape.count - 1] }
    var count: Int { shape.reduce(1, *) }
}

/// Which tensors a model has and where each one's elements are.
struct ParameterLayout: Sendable {
    let entries: [TrainableParameters.Entry]
    /// Elements of all tensors together, gaps included.
    let elementCount: Int
    private let indices: [String: Int]

    /// The tensors that `config` requires, and the optional ones that `has` says are there.
    init(_ config: ModelConfig, has: (String) -> Bool) {
        var entries: [TrainableParameters.Entry] = []
        var end = 0
        for requirement in config.tensorRequirements where !requirement.isOptional || has(requirement.name) {
            let count = requirement.shape.reduce(1, *)
            entries.append(.init(name: requirement.name, shape: requirement.shape, elements: end..<end + count))
            end += (count + 15) / 16 * 16
        }
        self.entries = entries
        elementCount = end
        indices = Dictionary(uniqueKeysWithValues: entries.enumerated().map { ($1.name, $0) })
    }

    func elements(_ name: String) -> Range<Int>? { indices[name].map { entries[$0].elements } }
}

extension ParameterLayout: ParameterSource {
    func matrix(_ name: String, _ shape: [Int]) throws(ArchitectureError) -> TrainableParameter {
        guard let index = indices[name] else { throw .missingTensor(name) }
        let entry = entries[index]
        guard entry.shape == shape else {
            throw .wrongShape(tensor: name, expected: shape, found: entry.shape)
        }
        return TrainableParameter(offset: entry.elements.lowerBound, shape: shape)
    }

    func vector(_ name: String, _ count: Int) throws(ArchitectureError) -> TrainableParameter {
        try matrix(name, [count])
    }

    func has(_ name: String) -> Bool { indices[name] != nil }
}
