// SPDX-License-Identifier: Apache-2.0

import Engine

/// Makes the bytes of one answer of the engine's events, in order. A value that belongs to one ``GenerationSession``.
protocol AnswerBuilder: Sendable {
    /// Whether the answer is a stream of events.
    var isStreamed: Bool { get }
    /// What was spent so far.
    var usage: GenerationUsage { get }

    /// Takes an event that is not the last, and returns what a stream sends of it, event by event.
    mutating func receive(_ event: GenerationEvent) -> [[UInt8]]

    /// Takes the end. Returns the last events of a stream, without the one that says that it is complete, or the whole
    /// answer in one piece.
    mutating func complete(_ usages: [GenerationUsage]) -> [[UInt8]]

    /// The error of the route for what the engine says.
    func error(_ error: EngineError) -> APIError
}
