// SPDX-License-Identifier: Apache-2.0

import Engine
import Prompting
import Tokenizers

// Prompts by `shots`.
extension PromptAssembly {
    /// Examples with what holds for them in this request.
    struct ResolvedShots: Sendable {
        var input: ShotsInput
        var pool: ExamplePool
        /// The set's id and version; nil: inline.
        var set: (id: String, version: String)?
        /// The request's, or the set's own.
        var template: ShotTemplateInput?
        /// The request's, or the set's own; nil: none.
        var instruction: String?
        /// Whether the instruction is the request's.
        var hasOwnInstruction: Bool

        /// The template in effect in a completion.
        var completionTemplate: ShotTemplate {
            get throws(APIError) { try (template ?? .named("qa")).template(path: input.path("template")) }
        }
    }

    /// The examples of a request; nil if it has no `shots`.
    func shots(_ values: FieldValues) throws(APIError) -> ResolvedShots? {
        guard let given = values[RequestFields.shots] else { return nil }
        for (isGiven, name) in [
            (values.has(RequestFields.instruction), "instruction"), (values.has(RequestFields.examples), "examples"),
            (values.has(RequestFields.template), "template"),
            (values.has(RequestFields.truncatePromptTokens), "truncate_prompt_tokens"),
        ] where isGiven {
            throw .conflict(param: name, other: "shots")
        }
        return try resolve(try given.input())
    }

    /// The examples that `input` names, in this request or in a set.
    func resolve(_ input: ShotsInput) throws(APIError) -> ResolvedShots {
        var resolved: ResolvedShots
        switch input.source {
        case .inline(let pool):
            resolved = ResolvedShots(
                input: input, pool: pool, template: input.template, instruction: input.instruction,
                hasOwnInstruction: input.instruction != nil)
        case .set(let id, let version):
            let param = input.path("set")
            guard let library else { throw .exampleSetNotFound(param: param, id: id, version: nil) }
            let set = try library.set(id, version: version, param: param)
            resolved = ResolvedShots(
                input: input, pool: set.pool, set: (set.id, set.version),
                template: input.template ?? set.content.template,
                instruction: input.instruction ?? set.content.instruction,
                hasOwnInstruction: input.instruction != nil)
        }
        if resolved.instruction?.isEmpty == true { resolved.instruction = nil }
        return resolved
    }

    // MARK: Completions

    /// A query with examples before it, as one text. What it holds is never read as control tokens.
    func shots(
        _ input: PromptInput, _ shots: ResolvedShots, _ values: FieldValues, reserved: Int, param: String
    ) throws(APIError) -> PromptPlan {
        guard let query = input.text else {
            throw .invalidValue(param: param, reason: "with shots it must be text")
        }
        return try self.shots(
            query, shots, addsSpecial: values[RequestFields.addSpecialTokens], reserved: reserved, param: param)
    }

    /// - Parameter reserved: the tokens to generate, which the prompt leaves free.
    func shots(
        _ query: String, _ shots: ResolvedShots, addsSpecial: Bool, reserved: Int, param: String
    ) throws(APIError) -> PromptPlan {
        let template = try shots.completionTemplate
        return try fit(query, shots, reserved: reserved, param: param) { shown throws(APIError) in
            try prompt(query, shots, template, shown: shown, addsSpecial: addsSpecial, param: param)
        }
    }

    /// A query with exactly these examples before it, in this order.
    func prompt(
        _ query: String, _ shots: ResolvedShots, _ template: ShotTemplate, shown: [Int], addsSpecial: Bool,
        param: String
    ) throws(APIError) -> PromptPlan {
        let request = ShotRequest(
            instruction: shots.instruction, examples: shown.map { shots.pool.examples[$0] }, query: query,
            answers: shots.input.answers)
        let prompt: ShotPrompt
        do throws(PromptingError) {
            prompt = try ShotPrompt(request, template: template)
        } catch {
            throw APIError(error, param: param, templatePath: shots.input.path("template"))
        }
        var ids = model.tokenizer.encode(prompt.text, addSpecial: addsSpecial, parseSpecial: false)
        if ids.isEmpty { ids = [try start(param: param)] }
        return PromptPlan(
            ids: ids, text: prompt.text, spellsControl: false, spans: prompt.spans.map { PromptSpan($0, shown: shown) })
    }

    /// A prompt that goes on with a given text, to be scored.
    struct Continuation: Sendable {
        /// Computes the prompt and the text, and reports the log-probabilities of both.
        var request: GenerationRequest
        /// Where the text begins among the tokens.
        var start: Int
    }

    /// What scores `answer` after `plan`, a prompt by ``prompt(_:_:_:shown:addsSpecial:param:)``.
    func continuation(
        _ plan: PromptPlan, _ answer: String, _ shots: ResolvedShots, param: String
    ) throws(APIError) -> Continuation {
        let gap = shots.input.hasCue ? " " : try shots.completionTemplate.gap
        let ids = model.tokenizer.encode(plan.text + gap + answer, addSpecial: true, parseSpecial: false)
        guard ids.count <= model.contextLength else {
            throw .contextOverflow(
                param: param, promptTokens: ids.count, maxTokens: 0, contextLength: model.contextLength)
        }
        // Where pieces join over the end of the prompt, they are the answer's.
        let shared = zip(ids, plan.ids).prefix { $0 == $1 }.count
        var request = GenerationRequest(prompt: ids, maxTokens: 0)
        request.logprobCount = 0
        request.reportsPromptLogprobs = true
        return Continuation(request: request, start: max(1, min(shared, ids.count - 1)))
    }

    // MARK: Chat

    /// A conversation with examples as turns before it.
    ///
    /// - Parameter reserved: the tokens to generate, which the prompt leaves free.
    func conversation(
        _ values: FieldValues, _ shots: ResolvedShots, reserved: Int
    ) throws(APIError) -> PromptPlan {
        let (messages, continuesFinal) = try messages(values)
        if shots.input.template != nil {
            throw .unsupported(
                param: shots.input.path("template"), reason: "in a chat examples are turns", allowed: nil)
        }
        if shots.input.hasCue {
            throw .unsupported(
                param: shots.input.path("cue"), reason: "a chat's turns begin as the template has it", allowed: nil)
        }
        guard let asked = messages.lastIndex(where: { $0.role == .user }) else {
            throw .invalidValue(param: "messages", reason: "with shots there must be a message of the user")
        }
        let hasSystem = messages.first?.role == .system
        if hasSystem, shots.hasOwnInstruction, shots.instruction != nil {
            throw .conflict(param: shots.input.path("instruction"), other: "messages[0]")
        }
        // A set's own instruction gives way to a system message.
        let instruction = hasSystem ? nil : shots.instruction
        let opening = hasSystem ? [messages[0]] : instruction.map { [ChatMessage(role: .system, content: $0)] } ?? []
        let rest = messages.dropFirst(hasSystem ? 1 : 0)
        let addsGenerationPrompt = values[RequestFields.addGenerationPrompt]
        return try fit(messages[asked].content, shots, reserved: reserved, param: "messages") {
            shown throws(APIError) in
            let turns = shown.flatMap { index in
                let example = shots.pool.examples[index]
                return [
                    ChatMessage(role: .user, content: example.input),
                    ChatMessage(role: .assistant, content: shots.input.answers.text(of: example)),
                ]
            }
            let all = opening + turns + rest
            return try chat(all, addsGenerationPrompt: addsGenerationPrompt, continuesFinal: continuesFinal) { place in
                if place < opening.count { return instruction == nil ? ("message", 0) : ("instruction", nil) }
                let turn = place - opening.count
                if turn < turns.count { return ("example", shown[turn / 2]) }
                let message = turn - turns.count + (hasSystem ? 1 : 0)
                return message == asked ? ("query", nil) : ("message", message)
            }
        }
    }

    // MARK: Room

    /// The prompt with the most examples for which there is room.
    private func fit(
        _ query: String, _ shots: ResolvedShots, reserved: Int, param: String,
        _ build: ([Int]) throws(APIError) -> PromptPlan
    ) throws(APIError) -> PromptPlan {
        let input = shots.input
        let room = model.contextLength - reserved
        let tokens = min(input.budgetTokens ?? room, room)
        let result = input.selection.select(
            from: shots.pool, query: query, view: try view(of: shots, for: query))
        let budget = ShotBudget(tokens: tokens, drop: input.drop)
        var latest = 0
        func fitted(_ result: ExampleSelection.Result) throws(APIError) -> ShotBudget.Fitted<PromptPlan>? {
            try budget.fit(result, by: input.selection, in: shots.pool) {
                shown throws(APIError) -> (prompt: PromptPlan, tokens: Int) in
                let plan = try build(shown)
                latest = plan.ids.count
                return (plan, plan.ids.count)
            }
        }
        var found = try fitted(result)
        if let first = found, input.selection.effectiveOrder == .entropyProbed {
            // Which are shown is a matter of room; then their order is found, in which the last may not fit any more.
            var narrowed = result
            narrowed.ranked = result.ranked.filter(first.shown.contains)
            narrowed.probed = try probedOrder(of: first.shown, shots)
            found = try fitted(narrowed)
            found?.dropped += first.dropped
        }
        guard let fitted = found else {
            if let asked = input.budgetTokens, asked <= room {
                throw .invalidValue(
                    param: input.path("budget_tokens"),
                    reason: "the prompt without any example has \(latest) tokens, \(asked) are allowed")
            }
            throw .contextOverflow(
                param: param, promptTokens: latest, maxTokens: reserved, contextLength: model.contextLength)
        }
        if input.refusesOverflow, !fitted.dropped.isEmpty {
            throw .invalidValue(
                param: "shots",
                reason: "only \(fitted.shown.count) of \(result.ranked.count) examples fit into \(tokens) tokens; "
                    + "allow for more, or say \"overflow\": \"drop\"")
        }
        var plan = fitted.prompt
        plan.shots = ShotRecord(
            set: shots.set?.id, version: shots.set?.version, budget: tokens, shown: fitted.shown,
            excluded: result.excluded, dropped: fitted.dropped)
        return plan
    }

    /// What became of a prompt's examples that its reader may not expect.
    static func warnings(of prompt: PromptPlan, param: String) -> [RequestWarning] {
        guard let shots = prompt.shots, !shots.dropped.isEmpty else { return [] }
        return [
            RequestWarning(
                code: "examples_dropped", param: param,
                message: "\(shots.dropped.count) of \(shots.dropped.count + shots.shown.count) examples were left "
                    + "out to keep the prompt within \(shots.budget) tokens")
        ]
    }
}
