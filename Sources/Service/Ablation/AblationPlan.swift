// SPDX-License-Identifier: Apache-2.0

import Engine
import Prompting
import StrictJSON
import Tokenizers

// The body of `/v1/prompts/ablate`.
extension RequestFields {
    static let ablationShots = Field<ShotsInput?>(
        "shots", type: "object", default: nil, defaultText: nil, endpoints: [.ablate],
        members: ShotsFields.shownMembers.map(\.declaration), meaning: "The examples, as in a completion."
    ) { (json, path, reading) throws(APIError) in
        try ShotsFields.read(json, path, ShotsFields.shownMembers, &reading)
    }

    static let ablationPrompt = Field<String?>.string(
        "prompt", endpoints: [.ablate], meaning: "The query.")

    static let ablationAnswer = Field<String?>.string(
        "answer", Allowed(min: 1, max: 65_536, counting: "bytes"), endpoints: [.ablate],
        meaning: "The answer of which the log-probability is measured.")

    static let ablationOrders = Field<Int>.integer(
        "orders", Allowed(min: 0, max: 32), default: 8, endpoints: [.ablate],
        meaning: "How many random orders of the examples to measure.")
}

/// What each example and the order of all do to an answer: which prompts are scored.
struct AblationPlan: Sendable {
    /// How many examples may be shown: each is a prompt.
    static let shownCount = Allowed(min: 1, max: 64, counting: "examples")

    let model: ModelInfo
    /// The prompt with all examples.
    let prompt: PromptPlan
    let answer: String
    /// The random orders, as indices.
    let orders: [[Int]]
    /// All prompts: with all examples, with none, without each, in each order.
    let continuations: [PromptAssembly.Continuation]
    let warnings: [RequestWarning]

    /// The plan of the checked fields of a body.
    init(_ values: FieldValues, assembly: PromptAssembly, warnings: [RequestWarning]) throws(APIError) {
        guard let input = values[RequestFields.ablationShots] else { throw .missing(param: "shots") }
        guard let query = values[RequestFields.ablationPrompt] else { throw .missing(param: "prompt") }
        guard let answer = values[RequestFields.ablationAnswer] else { throw .missing(param: "answer") }
        model = assembly.model
        self.answer = answer
        self.warnings = warnings
        let shots = try assembly.resolve(input)
        let template = try shots.completionTemplate
        // A token has a byte at least, but for the end of the prompt that it may join.
        let reserved = min(answer.utf8.count + 1, model.contextLength - 1)
        prompt = try assembly.shots(query, shots, addsSpecial: true, reserved: reserved, param: "prompt")
        let shown = prompt.shots?.shown ?? []
        guard Self.shownCount.contains(Double(shown.count)) else {
            throw .notAllowed(param: "shots", found: "\(shown.count) examples", allowed: Self.shownCount)
        }
        orders = (0..<values[RequestFields.ablationOrders]).map { number in
            var selection = ExampleSelection()
            selection.order = .random
            selection.seed = input.selection.seed &+ UInt64(number)
            return selection.arranged(shown, in: shots.pool)
        }
        var lists = [shown, []]
        lists += shown.map { left in shown.filter { $0 != left } }
        lists += orders
        var continuations: [PromptAssembly.Continuation] = []
        for list in lists {
            let plan = try assembly.prompt(query, shots, template, shown: list, addsSpecial: true, param: "prompt")
            continuations.append(try assembly.continuation(plan, answer, shots, param: "prompt"))
        }
        self.continuations = continuations
    }

    /// The examples in the order in which they are shown.
    var shown: [Int] { prompt.shots?.shown ?? [] }

    /// The answer's body; `logprobs` are those of the answer after each prompt.
    func body(_ logprobs: [Double], usage: GenerationUsage) -> [UInt8] {
        var writer = JSONWriter(reservingCapacity: 4096)
        let (all, none) = (logprobs[0], logprobs[1])
        let without = logprobs[2..<2 + shown.count]
        let ordered = logprobs[(2 + shown.count)...]
        writer.object { object in
            object.member("object", "prompt.ablation")
            object.member("model", model.id)
            object.member("answer", answer)
            object.member("logprob", all)
            object.member("zero_shot_logprob", none)
            object.member(
                "examples",
                array: { array in
                    for (index, logprob) in zip(shown, without) {
                        array.object { entry in
                            entry.member("index", index)
                            entry.member("logprob_without", logprob)
                            entry.member("influence", all - logprob)
                        }
                    }
                })
            object.member(
                "orders",
                array: { array in
                    for (order, logprob) in zip(orders, ordered) {
                        array.object { entry in
                            entry.member("examples", order)
                            entry.member("logprob", logprob)
                        }
                    }
                })
            let mean = ordered.reduce(0, +) / Double(max(1, ordered.count))
            let squares = ordered.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
            object.member("order_mean", ordered.isEmpty ? nil : mean)
            object.member(
                "order_deviation", ordered.count < 2 ? nil : (squares / Double(ordered.count - 1)).squareRoot())
            AssembledWriter.write([prompt], model: model, to: &object)
            object.key("usage")
            AnswerWriter.write(usage, to: &object)
            guard !warnings.isEmpty else { return }
            object.member("warnings", array: { array in for warning in warnings { warning.write(to: &array) } })
        }
        return writer.bytes
    }
}
