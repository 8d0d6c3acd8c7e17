// SPDX-License-Identifier: Apache-2.0

public import Architectures

/// Why a model cannot be trained, or not with this batch or state.
public enum TrainingError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The weights do not make the model of the configuration.
    case architecture(ArchitectureError)
    /// Row `row` of a batch: `what` was expected, `found` is there.
    case badRow(row: Int, expected: String, found: String)
    /// A hyper-parameter is outside of its range.
    case badOption(name: String, expected: String, found: String)
    /// A tensor of a saved state does not fit the model.
    case badState(tensor: String, expected: String, found: String)
    /// A step was asked for, but no labelled token was accumulated since the last one.
    case nothingAccumulated
    /// A number is NaN or infinite; `origin` says where the first one was found, if that could be told.
    case notFinite(NonFiniteOrigin?)

    /// The fault in words.
    public var description: String {
        switch self {
        case .architecture(let error): error.description
        case .badRow(let row, let expected, let found): "row \(row) of the batch: expected \(expected), found \(found)"
        case .badOption(let name, let expected, let found): "\(name): expected \(expected), found \(found)"
        case .badState(let tensor, let expected, let found):
            "saved tensor \(tensor): expected \(expected), found \(found)"
        case .nothingAccumulated: "no labelled token was accumulated since the last step"
        case .notFinite(let origin?): "a value is not finite: \(origin)"
        case .notFinite(nil): "a value is not finite"
        }
    }
}

/// Where the first value was found that is NaN or infinite.
public enum NonFiniteOrigin: Sendable, Equatable, CustomStringConvertible {
    /// Element `index` of a weight.
    case weight(name: String, index: Int)
    /// The result of an operation of the forward pass; `block` is nil outside of the blocks.
    case activation(operation: String, block: Int?, row: Int)
    /// The loss of a row, although the hidden states were finite.
    case loss(row: Int)
    /// Element `index` of a weight's gradient.
    case gradient(name: String, index: Int)

    /// The place in words.
    public var description: String {
        switch self {
        case .weight(let name, let index): "element \(index) of weight \(name)"
        case .activation(let operation, let block?, let row): "row \(row) of \(operation) in block \(block)"
        case .activation(let operation, nil, let row): "row \(row) of \(operation) outside of the blocks"
        case .loss(let row): "the loss of row \(row)"
        case .gradient(let name, let index): "element \(index) of the gradient of \(name)"
        }
    }
}
