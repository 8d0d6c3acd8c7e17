// SPDX-License-Identifier: Apache-2.0

/// The continuation of a choice after the prompt that guides it, on the engine's thread: other keys and values of the
/// same tokens.
final class GuideSequence {
    let table: BlockTable
    /// The last token of the guiding prompt, computed at the first step.
    let promptEnd: Int32
    private let promptCount: Int

    init(table: BlockTable, prompt: [Int32]) {
        self.table = table
        promptEnd = prompt.last ?? 0
        promptCount = prompt.count
    }

    /// Makes room for the newest token; false if the pool is empty.
    func reserve(_ choice: Choice) -> Bool { table.reserve(tokenCount: position(choice) + 1) }

    /// Where the newest token of the choice stands after the guiding prompt.
    func position(_ choice: Choice) -> Int { promptCount - 1 + choice.generated }
}

extension GenerationRequest {
    /// The guiding prompt as a request that draws nothing of its own; nil without one.
    var guide: GenerationRequest? {
        guard case .guided(let guidance) = activeStrategy else { return nil }
        var request = GenerationRequest(prompt: guidance.negativePrompt, maxTokens: maxTokens)
        request.choiceCount = choiceCount
        request.isLed = true
        return request
    }
}
