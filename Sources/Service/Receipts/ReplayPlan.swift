// SPDX-License-Identifier: Apache-2.0

import Engine
import StrictJSON
import Tokenizers

/// A receipt understood in full: the work that it stands for, and what must come of it.
struct ReplayPlan: Sendable {
    var head: AnswerHead
    var model: ModelInfo
    var receipt: ReceiptInput
    /// The settings in effect now, in the form of the receipt's.
    var settings: JSON
    /// One per prompt.
    var requests: [GenerationRequest]
    var hashes: ModelHashes
    var warnings: [RequestWarning]

    static let param = RequestFields.receipt.name
}

extension GenerationPlanner {
    /// The plan that makes a receipt's answer again.
    ///
    /// - Throws: ``APIError`` where the receipt contradicts itself or does not fit the model.
    func replay(
        _ values: FieldValues, assembly: PromptAssembly, warnings: [RequestWarning]
    ) throws(APIError) -> ReplayPlan {
        guard let receipt = values[RequestFields.receipt] else { throw .missing(param: RequestFields.receipt.name) }
        let model = assembly.model
        let path = JSONPath.member(RequestFields.receipt.name, ReceiptFields.settings.name)
        let budgets = try Self.budgets(receipt, path)
        var requests: [GenerationRequest] = []
        var settings = JSONObject()
        for (index, prompt) in receipt.prompts.enumerated() {
            var fields = receipt.settings
            fields[RequestFields.maxTokens.name] = budgets[index]
            fields[RequestFields.prompt.name] = .array(prompt.ids.map { .integer(Int64($0)) })
            fields[RequestFields.addSpecialTokens.name] = .bool(false)
            // What is not understood would not be replayed.
            var reading = FieldReading(
                limits: ModelLimits(
                    contextLength: model.contextLength, vocabularySize: model.tokenizer.vocabularySize),
                isStrict: true)
            let fieldValues = try RequestSchema.read(fields, for: .completions, at: path, &reading)
            guard !fieldValues.has(RequestFields.maxTime) else {
                throw .unsupported(
                    param: JSONPath.member(path, RequestFields.maxTime.name),
                    reason: "what a time limit cuts cannot be made again", allowed: nil)
            }
            let plan = try plan(fieldValues, endpoint: .completions, assembly: assembly, warnings: reading.warnings)
            requests += plan.requests
            if index == 0 { settings = EffectiveSettings.receipt(fieldValues, requests: plan.requests) }
        }
        settings[RequestFields.maxTokens.name] = EffectiveSettings.budget(requests)
        for key in receipt.settings.keys where settings[key] == nil {
            throw .unsupported(
                param: JSONPath.member(path, key), reason: "not a setting that receipts hold", allowed: nil)
        }
        try Self.checkOutputs(receipt, requests)
        return ReplayPlan(
            head: head("rply", model), model: model, receipt: receipt, settings: .object(settings),
            requests: requests, hashes: hashes, warnings: warnings)
    }

    /// `max_tokens` of each prompt.
    private static func budgets(_ receipt: ReceiptInput, _ path: String) throws(APIError) -> [JSON] {
        let field = RequestFields.maxTokens.name
        guard let given = receipt.settings[field], !given.isNull else {
            throw .missing(param: JSONPath.member(path, field))
        }
        guard let list = given.arrayValue else { return receipt.prompts.map { _ in given } }
        guard list.count == receipt.prompts.count else {
            throw .invalidValue(
                param: JSONPath.member(path, field),
                reason: "\(list.count) numbers for \(receipt.prompts.count) prompts")
        }
        return list
    }

    /// Checks that each continuation is told once.
    private static func checkOutputs(_ receipt: ReceiptInput, _ requests: [GenerationRequest]) throws(APIError) {
        let path = JSONPath.member(RequestFields.receipt.name, ReceiptFields.outputs.name)
        var seen: Set<[Int]> = []
        for (index, output) in receipt.outputs.enumerated() {
            guard output.prompt < requests.count, output.choice < requests[output.prompt].choiceCount else {
                throw .invalidValue(
                    param: JSONPath.element(path, index), reason: "there is no such prompt, or no such choice of it")
            }
            guard seen.insert([output.prompt, output.choice]).inserted else {
                throw .invalidValue(
                    param: JSONPath.element(path, index), reason: "the same choice as one before it")
            }
        }
        let count = requests.reduce(0) { $0 + $1.choiceCount }
        guard seen.count == count else {
            throw .invalidValue(param: path, reason: "\(seen.count) outputs where the settings make \(count)")
        }
    }
}
