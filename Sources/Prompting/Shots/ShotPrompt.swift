// SPDX-License-Identifier: Apache-2.0

/// What an n-shot prompt is made of.
public struct ShotRequest: Sendable, Equatable {
    /// What to do, in words; nil for none.
    public var instruction: String?
    /// The examples in their order; none for zero-shot.
    public var examples: [ShotExample]
    /// The input to answer.
    public var query: String
    /// How outputs are written.
    public var answers: AnswerFormat

    /// A request of the given parts.
    public init(
        instruction: String? = nil, examples: [ShotExample] = [], query: String, answers: AnswerFormat = AnswerFormat()
    ) {
        self.instruction = instruction
        self.examples = examples
        self.query = query
        self.answers = answers
    }
}

/// An n-shot prompt as one text, with the place of each part. A pure function of request and template.
public struct ShotPrompt: Sendable, Equatable {
    /// What a part of the text is.
    public enum Kind: Sendable, Equatable {
        /// The instruction.
        case instruction
        /// The example of this index.
        case example(Int)
        /// The query up to the end of its input.
        case query
        /// The end of the query's block, which asks for the answer.
        case cue
    }

    /// A part of the text. Separators belong to none.
    public struct Span: Sendable, Equatable {
        /// What it is.
        public var kind: Kind
        /// Its place, counted in Unicode scalars (as Python counts characters).
        public var characters: Range<Int>
        /// Its place, counted in UTF-8 bytes.
        public var bytes: Range<Int>
    }

    /// What a prompt may consist of at most.
    public struct Limits: Sendable {
        /// The number of examples.
        public var exampleCount: Int
        /// The length of the assembled text, in UTF-8 bytes.
        public var promptBytes: Int

        /// Limits of the given sizes.
        public init(exampleCount: Int = 4096, promptBytes: Int = 8 << 20) {
            self.exampleCount = exampleCount
            self.promptBytes = promptBytes
        }
    }

    /// The assembled text.
    public private(set) var text: String
    /// The parts in order; a cue that is empty is left out.
    public private(set) var spans: [Span]

    /// Assembles a prompt.
    ///
    /// - Throws: ``PromptingError/tooManyExamples(limit:found:)``, ``PromptingError/promptTooLong(limit:found:)``; both
    ///   are known before anything is put together.
    public init(
        _ request: ShotRequest, template: ShotTemplate, limits: Limits = Limits()
    ) throws(PromptingError) {
        try Self.check(request, against: limits)
        let length = Self.length(request, template)
        guard length <= limits.promptBytes else {
            throw .promptTooLong(limit: limits.promptBytes, found: length)
        }
        text = ""
        spans = []
        text.reserveCapacity(length)
        spans.reserveCapacity(request.examples.count + 3)
        var counter = Counter()
        if let instruction = request.instruction {
            append(template.instruction.pieces, .instruction, ["instruction": instruction], &counter)
            append(template.separator.pieces, nil, [:], &counter)
        }
        for (index, example) in request.examples.enumerated() {
            let values = ["input": example.input, "output": request.answers.text(of: example)]
            append(template.example.pieces, .example(index), values, &counter)
            append(template.separator.pieces, nil, [:], &counter)
        }
        let pieces = template.query.pieces
        let cueStart = (pieces.lastIndex(of: .slot("input")) ?? pieces.count - 1) + 1
        append(pieces[..<cueStart], .query, ["input": request.query], &counter)
        append(pieces[cueStart...] + template.opening(of: request.answers), .cue, [:], &counter)
    }

    /// The same request as a conversation: the instruction as system message, each example as a turn of the user and
    /// one of the assistant, the query as the user's last turn.
    ///
    /// - Throws: ``PromptingError/tooManyExamples(limit:found:)``.
    public static func messages(
        from request: ShotRequest, limits: Limits = Limits()
    ) throws(PromptingError) -> [ChatMessage] {
        try check(request, against: limits)
        var messages: [ChatMessage] = []
        messages.reserveCapacity(2 * request.examples.count + 2)
        if let instruction = request.instruction {
            messages.append(ChatMessage(role: .system, content: instruction))
        }
        for example in request.examples {
            messages.append(ChatMessage(role: .user, content: example.input))
            messages.append(ChatMessage(role: .assistant, content: request.answers.text(of: example)))
        }
        messages.append(ChatMessage(role: .user, content: request.query))
        return messages
    }

    private static func check(_ request: ShotRequest, against limits: Limits) throws(PromptingError) {
        guard request.examples.count <= limits.exampleCount else {
            throw .tooManyExamples(limit: limits.exampleCount, found: request.examples.count)
        }
    }

    /// The length of the text in bytes, or the largest integer if it does not fit in one.
    private static func length(_ request: ShotRequest, _ template: ShotTemplate) -> Int {
        var total = 0
        func add(_ part: TemplatePart, _ values: [String: String] = [:]) {
            for piece in part.pieces {
                let (sum, overflow) = total.addingReportingOverflow(value(of: piece, values).utf8.count)
                total = overflow ? .max : sum
            }
        }
        if let instruction = request.instruction {
            add(template.instruction, ["instruction": instruction])
            add(template.separator)
        }
        for example in request.examples {
            add(template.example, ["input": example.input, "output": request.answers.text(of: example)])
            add(template.separator)
        }
        add(template.query, ["input": request.query])
        add(TemplatePart(pieces: template.opening(of: request.answers)))
        return total
    }

    private static func value(of piece: TemplatePart.Piece, _ values: [String: String]) -> String {
        switch piece {
        case .literal(let text): text
        case .slot(let name): values[name] ?? ""
        }
    }

    /// How much text there is so far.
    private struct Counter {
        var characters = 0
        var bytes = 0
    }

    private mutating func append(
        _ pieces: some Sequence<TemplatePart.Piece>, _ kind: Kind?, _ values: [String: String], _ counter: inout Counter
    ) {
        let start = counter
        for piece in pieces {
            let value = Self.value(of: piece, values)
            text += value
            counter.characters += value.unicodeScalars.count
            counter.bytes += value.utf8.count
        }
        guard let kind, kind != .cue || start.bytes < counter.bytes else { return }
        spans.append(
            Span(
                kind: kind, characters: start.characters..<counter.characters, bytes: start.bytes..<counter.bytes))
    }
}
