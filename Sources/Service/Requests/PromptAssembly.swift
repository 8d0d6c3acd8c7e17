// SPDX-License-Identifier: Apache-2.0

import Engine
import Prompting
import StrictJSON
import Tokenizers

/// Makes the prompts of a request: text and ids as they are, messages by the model's chat template, examples by the
/// request's template.
struct PromptAssembly: Sendable {
    let model: ModelInfo
    /// The model's chat template, or why there is none.
    let chatTemplate: Result<ChatTemplate, PromptingError>
    /// The example sets that requests can name; nil: none.
    var library: ExampleLibrary?
    /// What is known of the model's view of examples.
    let book: ModelBook

    /// The prompts of a generation request, at least one, none empty.
    func prompts(_ values: FieldValues, endpoint: Endpoint) throws(APIError) -> [PromptPlan] {
        let shots = try shots(values)
        if endpoint == .chat {
            if let shots {
                let reserved = values[RequestFields.maxCompletionTokens] ?? 1
                return [try conversation(values, shots, reserved: reserved)]
            }
            return [try conversation(values)]
        }
        guard let inputs = values[RequestFields.prompt] else { throw .missing(param: "prompt") }
        let template = try ShotFields.template(values)
        var plans: [PromptPlan] = []
        for (index, input) in inputs.enumerated() {
            let param = GenerationPlanner.param(.completions, index: index, count: inputs.count)
            if let shots {
                let reserved = values[RequestFields.maxTokens] ?? 16
                plans.append(try self.shots(input, shots, values, reserved: reserved, param: param))
            } else if let template {
                plans.append(try self.shots(input, template, values, param: param))
            } else {
                plans.append(try plain(input, values, param: param))
            }
        }
        return plans
    }

    /// The prompt of a route that takes one, and the field that it came from.
    ///
    /// - Parameter reserved: the tokens to come after it, for which examples make room.
    func onePrompt(_ values: FieldValues, reserved: Int) throws(APIError) -> (plan: PromptPlan, param: String) {
        let prompt = values[RequestFields.onePrompt]
        let shots = try shots(values)
        /// Fields of the one way to give a prompt that would be lost in the other.
        func refuse(_ names: [String], beside other: String) throws(APIError) {
            for name in names where values.isGiven(name) { throw .conflict(param: values.path(name), other: other) }
        }
        if values.has(RequestFields.messages) {
            try refuse(
                [
                    RequestFields.onePrompt.name, RequestFields.template.name, RequestFields.addSpecialTokens.name,
                    RequestFields.parseSpecial.name,
                ], beside: RequestFields.messages.name)
            let param = RequestFields.messages.name
            guard let shots else { return (try conversation(values), param) }
            return (try conversation(values, shots, reserved: reserved), param)
        }
        guard let prompt else { throw .missing(param: RequestFields.onePrompt.name) }
        try refuse(
            [RequestFields.addGenerationPrompt.name, RequestFields.continueFinalMessage.name],
            beside: RequestFields.onePrompt.name)
        let param = RequestFields.onePrompt.name
        if let shots {
            return (try self.shots(prompt, shots, values, reserved: reserved, param: param), param)
        }
        guard let template = try ShotFields.template(values) else {
            return (try plain(prompt, values, param: param), param)
        }
        return (try self.shots(prompt, template, values, param: param), param)
    }

    // MARK: Completions

    /// The prompt of another query: with the examples that `plan` shows, or as the only text.
    func prompt(
        _ text: String, instead plan: PromptPlan, isWhole: Bool, _ values: FieldValues, param: String
    ) throws(APIError) -> PromptPlan {
        let input = PromptInput(segments: [.text(text)])
        if isWhole { return try plain(input, values, param: param) }
        if let shots = try shots(values) {
            return try prompt(
                text, shots, try shots.completionTemplate, shown: plan.shots?.shown ?? [],
                addsSpecial: values[RequestFields.addSpecialTokens], param: param)
        }
        guard let template = try ShotFields.template(values) else { return try plain(input, values, param: param) }
        return try self.shots(input, template, values, param: param)
    }

    /// A prompt as given: texts tokenized, ids kept.
    func plain(_ input: PromptInput, _ values: FieldValues, param: String) throws(APIError) -> PromptPlan {
        let tokenizer = model.tokenizer
        let parsesSpecial = values[RequestFields.parseSpecial]
        var ids: [Int32] = []
        for (index, segment) in input.segments.enumerated() {
            switch segment {
            case .ids(let given): ids.append(contentsOf: given)
            case .text(let text):
                let addsSpecial = index == 0 && values[RequestFields.addSpecialTokens]
                ids.append(
                    contentsOf: tokenizer.encode(text, addSpecial: addsSpecial, parseSpecial: parsesSpecial))
            }
        }
        if ids.isEmpty { ids = [try start(param: param)] }
        if let text = input.text { return PromptPlan(ids: ids, text: text, spellsControl: parsesSpecial) }
        let showsSpecial = !values[RequestFields.skipSpecialTokens]
        return PromptPlan(
            ids: ids, text: tokenizer.decode(ids, showSpecial: showsSpecial), spellsControl: showsSpecial)
    }

    /// Instruction, examples and query by the request's template. What they hold is never read as control tokens.
    private func shots(
        _ input: PromptInput, _ template: ShotTemplate, _ values: FieldValues, param: String
    ) throws(APIError) -> PromptPlan {
        guard let query = input.text else {
            throw .invalidValue(param: param, reason: "with instruction, examples or template it must be text")
        }
        let request = ShotRequest(
            instruction: values[RequestFields.instruction], examples: values[RequestFields.examples], query: query)
        let prompt: ShotPrompt
        do throws(PromptingError) {
            prompt = try ShotPrompt(request, template: template)
        } catch {
            throw APIError(error, param: param)
        }
        var ids = model.tokenizer.encode(
            prompt.text, addSpecial: values[RequestFields.addSpecialTokens], parseSpecial: false)
        if ids.isEmpty { ids = [try start(param: param)] }
        return PromptPlan(
            ids: ids, text: prompt.text, spellsControl: false, spans: prompt.spans.map { PromptSpan($0) })
    }

    /// The id that an empty text stands for.
    func start(param: String) throws(APIError) -> Int32 {
        guard let start = model.tokenizer.bosID ?? model.tokenizer.eosID else {
            throw .invalidValue(param: param, reason: "the prompt has no tokens, and the vocabulary has no start token")
        }
        return start
    }

    // MARK: Chat

    /// The messages of a request, and whether the last of them is left open.
    func messages(_ values: FieldValues) throws(APIError) -> (messages: [ChatMessage], continuesFinal: Bool) {
        guard let messages = values[RequestFields.messages] else { throw .missing(param: "messages") }
        let continuesFinal = values[RequestFields.continueFinalMessage]
        if continuesFinal {
            if values.has(RequestFields.addGenerationPrompt), values[RequestFields.addGenerationPrompt] {
                throw .conflict(param: "continue_final_message", other: "add_generation_prompt")
            }
            guard let last = messages.last, last.role == .assistant, !last.content.isEmpty else {
                throw .invalidValue(
                    param: "continue_final_message", reason: "the last message must be the assistant's and not empty")
            }
        }
        return (messages, continuesFinal)
    }

    /// The conversation of a request: the instruction as system message, each example as two turns, the messages.
    private func conversation(_ values: FieldValues) throws(APIError) -> PromptPlan {
        var (messages, continuesFinal) = try messages(values)
        let turns = values[RequestFields.examples].flatMap { example in
            [
                ChatMessage(role: .user, content: example.input),
                ChatMessage(role: .assistant, content: example.output),
            ]
        }
        let hasSystem = messages.first?.role == .system
        messages.insert(contentsOf: turns, at: hasSystem ? 1 : 0)
        if let instruction = values[RequestFields.instruction] {
            guard !hasSystem else { throw .conflict(param: "instruction", other: "messages[0]") }
            messages.insert(ChatMessage(role: .system, content: instruction), at: 0)
        }
        let examples = hasSystem || values.has(RequestFields.instruction) ? 1..<1 + turns.count : 0..<turns.count
        return try chat(
            messages, addsGenerationPrompt: values[RequestFields.addGenerationPrompt], continuesFinal: continuesFinal
        ) { place in
            if examples.contains(place) { return ("example", (place - examples.lowerBound) / 2) }
            if place == 0, values.has(RequestFields.instruction) { return ("instruction", nil) }
            return ("message", place < examples.lowerBound ? place : place - examples.upperBound + (hasSystem ? 1 : 0))
        }
    }

    /// A conversation by the model's chat template.
    ///
    /// - Parameter kind: what a message is, by its place, and its index among those of its kind; messages in a row that
    ///   are the same are one stretch.
    func chat(
        _ messages: [ChatMessage], addsGenerationPrompt: Bool, continuesFinal: Bool,
        kind: (Int) -> (kind: String, index: Int?) = { ("message", $0) }
    ) throws(APIError) -> PromptPlan {
        do throws(PromptingError) {
            let template = try chatTemplate.get()
            var rendered = try template.prompt(
                messages, addGenerationPrompt: addsGenerationPrompt && !continuesFinal)
            if continuesFinal {
                guard rendered.stretches.last?.message == messages.count - 1 else {
                    throw .chatTemplateFails(line: 1, reason: "the last message is not the end of the conversation")
                }
                rendered.dropEnding()
            }
            return PromptPlan(
                ids: ChatTemplate.ids(of: rendered, with: model.tokenizer), text: rendered.text, spellsControl: true,
                spans: PromptSpan.all(in: rendered, messageCount: messages.count, kind: kind))
        } catch {
            throw APIError(error, param: "messages")
        }
    }
}

extension PromptSpan {
    /// A stretch of an n-shot prompt; `shown` are the indices of its examples.
    init(_ span: ShotPrompt.Span, shown: [Int]? = nil) {
        switch span.kind {
        case .instruction: kind = "instruction"
        case .example(let number):
            kind = "example"
            index = shown.map { $0[number] } ?? number
        case .query: kind = "query"
        case .cue: kind = "cue"
        }
        characters = span.characters
        bytes = span.bytes
    }

    /// Where the messages of a conversation stand.
    static func all(
        in prompt: RenderedPrompt, messageCount: Int, kind: (Int) -> (kind: String, index: Int?)
    ) -> [PromptSpan] {
        var places: [Int: Range<Int>] = [:]
        for stretch in prompt.stretches {
            guard let message = stretch.message else { continue }
            places[message] = (places[message]?.lowerBound ?? stretch.bytes.lowerBound)..<stretch.bytes.upperBound
        }
        var spans: [PromptSpan] = []
        for message in 0..<messageCount {
            guard let bytes = places[message] else { continue }
            let (kind, index) = kind(message)
            if let last = spans.last, last.kind == kind, last.index == index, last.bytes.upperBound <= bytes.lowerBound
            {
                spans[spans.count - 1].bytes = last.bytes.lowerBound..<bytes.upperBound
            } else {
                spans.append(PromptSpan(kind: kind, index: index, characters: 0..<0, bytes: bytes))
            }
        }
        // Characters are counted once, for all ends in ascending order.
        let ends = Set(spans.flatMap { [$0.bytes.lowerBound, $0.bytes.upperBound] })
        var characters: [Int: Int] = [:]
        var count = 0
        var offset = 0
        for byte in prompt.text.utf8 {
            if byte & 0xC0 != 0x80 {
                if ends.contains(offset) { characters[offset] = count }
                count += 1
            }
            offset += 1
        }
        characters[offset] = count
        for index in spans.indices {
            let bytes = spans[index].bytes
            let start = characters[bytes.lowerBound] ?? 0
            spans[index].characters = start..<max(start, characters[bytes.upperBound] ?? start)
        }
        return spans
    }
}

extension APIError {
    /// The error for what prompting says. `param` names what it is about unless the error knows better.
    /// `templatePath` is where the shot template stands in the request.
    init(_ error: PromptingError, param: String, templatePath: String = "template") {
        switch error {
        case .noChatTemplate, .unreadableChatTemplate:
            self = .unsupported(
                param: param, reason: "\(error.description); use /v1/completions with a prompt", allowed: nil)
        case .emptyConversation, .chatTemplateFails, .chatTemplateRefuses:
            self = .invalidValue(param: param, reason: error.description)
        case .reservedVariable(let name):
            self = .invalidValue(param: JSONPath.member("chat_template_kwargs", name), reason: error.description)
        case .unknownShotTemplate(let name, let known):
            self = .notAllowed(
                param: templatePath, found: JSONText.of(.string(name)),
                allowed: Allowed(values: known.map { .string($0) }))
        case .unknownSlot(let part, _, _, _), .strayBrace(let part, _), .missingSlot(let part, _),
            .templateTooLong(let part, _, _):
            let isInTemplate = part.hasPrefix("template.")
            self = .invalidValue(
                param: isInTemplate ? templatePath + part.dropFirst("template".count) : part,
                reason: error.description)
        case .tooManyExamples, .promptTooLong:
            self = .invalidValue(
                param: templatePath == "template" ? "examples" : "shots", reason: error.description)
        }
    }
}
