// SPDX-License-Identifier: Apache-2.0

package import Prompting
import StrictJSON

/// Where the examples of a request come from.
package enum ExampleSource: Sendable {
    /// The request itself.
    case inline(ExamplePool)
    /// A set of the server, in a certain version or the newest one.
    case set(id: String, version: String?)
}

/// The field `shots` as it is given: a lane may change members of what holds for all.
package struct GivenShots: Sendable {
    private var members: FieldValues
    /// Of the examples that are inline, with what was found out about them.
    private var pool: ExamplePool?
    /// Where the object stands.
    private var path: String

    init(_ members: FieldValues, path: String) {
        self.members = members
        self.path = path
        pool = members[ShotsFields.examples].map { ExamplePool($0) }
    }

    /// These members, but for those that `other` has. Examples replace a set, and a set examples.
    func overlaid(by other: GivenShots) -> GivenShots {
        var result = self
        if other.members.has(ShotsFields.set) || other.pool != nil {
            for name in [ShotsFields.examples.name, ShotsFields.set.name, ShotsFields.version.name] {
                result.members.remove(name)
            }
            result.pool = other.pool
        }
        result.members.merge(other.members)
        return result
    }

    /// The settings in effect.
    ///
    /// - Throws: ``APIError`` where members contradict each other or say nothing of the candidates.
    func input() throws(APIError) -> ShotsInput {
        try ShotsFields.input(members, pool: pool) { name in
            members.isGiven(name) ? members.path(name) : JSONPath.member(path, name)
        }
    }
}

/// The field `shots`, read.
package struct ShotsInput: Sendable {
    /// Where each of its members stands in the request.
    var paths: [String: String] = [:]
    /// The candidates.
    package var source: ExampleSource
    /// Which of them, in which order.
    package var selection: ExampleSelection
    /// Nil: the set's own, or else `qa`.
    package var template: ShotTemplateInput?
    /// Nil: the set's own; empty: none.
    package var instruction: String?
    /// The most tokens of the whole prompt; nil: what the context leaves.
    package var budgetTokens: Int?
    /// Whether examples that do not fit are an error.
    package var refusesOverflow: Bool
    /// Which of them is left out first.
    package var drop: ShotBudget.Drop
    /// How outputs are written.
    package var answers: AnswerFormat
    /// Whether answers begin with a cue.
    package var hasCue: Bool
    /// How many orders are compared where the model finds the best.
    var probeOrders: Int

    /// Where a member stands in the request.
    func path(_ name: String) -> String { paths[name] ?? JSONPath.member(RequestFields.shots.name, name) }
}

extension RequestFields {
    static let shots = Field<GivenShots?>(
        "shots", type: "object", default: nil, defaultText: nil, endpoints: .prompted,
        members: ShotsFields.members.map(\.declaration),
        meaning: "Examples of the task before the query, which is prompt or the last message of the user: which, how "
            + "many, in which order, within how many tokens. A lane of a comparison gives the members in which it "
            + "differs. See docs/prompts.md."
    ) { (json, path, reading) throws(APIError) in
        GivenShots(try Read.members(json, path, ShotsFields.members, &reading), path: path)
    }
}

/// The members of `shots`.
enum ShotsFields {
    static let exampleCount = Allowed(min: 0, max: 4096, counting: "examples")

    static let examples = Field<[ShotExample]?>(
        "examples", type: "array of objects", allowed: exampleCount, default: nil, defaultText: nil,
        members: ExampleFields.members.map(\.declaration),
        meaning: "The candidates, inline. Either this or set."
    ) { (json, path, reading) throws(APIError) in
        try ExampleFields.readAll(json, path, exampleCount, &reading)
    }

    static let set = Field<String?>.string(
        "set", ExampleFields.idLength, meaning: "The candidates: an example set of the server, by its id.")
    static let version = Field<String?>.string(
        "version", Allowed(min: 64, max: 64, counting: "bytes"),
        meaning: "The version of the set, as the server names it; absent: the newest.")
    static let count = Field<Int?>.optionalInteger(
        "count", Allowed(min: 0, max: 4096), unit: "examples",
        meaning: "How many examples to show; absent: all. 0 is zero-shot with the same template.")
    static let select = Field<String>.choice(
        "select", ExampleSelection.Method.allCases.map(\.rawValue), default: ExampleSelection.Method.first.rawValue,
        meaning: "How examples are ranked, the first of which are shown: as given; by a hash of seed and index; labels "
            + "taking turns; by BM25 of the query over the inputs; by the word n-grams shared with it; knn by the cosine "
            + "of the model's own embeddings; mmr by the same, but far from each other; nll by how likely the model "
            + "finds the query after the example.")
    static let lambda = Field<Float>.number(
        "lambda", Allowed(min: 0, max: 1), default: 0.5,
        meaning: "mmr: 1 wants examples near the query alone, 0 far from each other alone.")
    static let candidates = Field<Int>.integer(
        "candidates", Allowed(min: 1, max: 512), default: 64, unit: "examples",
        meaning: "mmr and nll choose among this many, those nearest to the query by embedding and by BM25.")
    static let order = Field<String?>(
        "order", type: "string",
        allowed: Allowed(values: ExampleSelection.Order.allCases.map { .string($0.rawValue) }), default: nil,
        defaultText: nil,
        meaning: "In which order they are shown. Absent: similar_last where select goes by the query, else selected, "
            + "as ranked. entropy_probed: the one of several in which the model's predictions are the most even."
    ) { (json, path, _) throws(APIError) in
        try Read.string(
            json, path, Allowed(values: ExampleSelection.Order.allCases.map { .string($0.rawValue) }))
    }
    static let probeOrders = Field<Int>.integer(
        "probe_orders", Allowed(min: 2, max: 24), default: 8, unit: "orders",
        meaning: "entropy_probed: how many orders are compared.")
    static let seed = Field<Int>.integer(
        "seed", Allowed(min: 0, max: 9_007_199_254_740_991), default: 0,
        meaning: "Seed of what is random here.")
    static let template = Field<ShotTemplateInput?>(
        "template", type: "string or object",
        allowed: Allowed(values: ShotTemplate.builtIn.map { .string($0.name) }), default: nil, defaultText: nil,
        members: ShotFields.templateMembers.map(\.declaration),
        meaning: "How it is written down, as the field template. Absent: the set's own, or else qa. Not in a chat, "
            + "where examples are turns."
    ) { (json, path, reading) throws(APIError) in
        try ShotFields.readTemplate(json, path, &reading)
    }
    static let instruction = Field<String?>.string(
        "instruction", Allowed(min: 0, max: 1_048_576, counting: "bytes"),
        meaning: "What to do; in a chat the system message. Absent: the set's own; an empty string: none.")
    static let budgetTokens = Field<Int?>.optionalInteger(
        "budget_tokens", Allowed(min: 1, maxFromModel: .contextLength), unit: "tokens",
        meaning: "The most tokens of the whole prompt. Absent: what the context leaves beside the tokens to generate.")
    static let overflow = Field<String>.choice(
        "overflow", ["drop", "error"], default: "drop",
        meaning: "What happens if the examples do not fit: whole ones are left out and named, or 400.")
    static let drop = Field<String>.choice(
        "drop", ShotBudget.Drop.allCases.map(\.rawValue), default: ShotBudget.Drop.leastRelevant.rawValue,
        meaning: "Which is left out first: the one ranked last, the one shown first, the longest one.")
    static let excludeQuery = Field<Bool>.boolean(
        "exclude_query", default: true,
        meaning: "Leaves out examples whose input is the query but for case and white space.")
    static let rationale = Field<Bool>.boolean(
        "rationale", default: true, meaning: "Shows the examples' rationales, where they have one.")
    static let rationaleFormat = Field<String?>(
        "rationale_format", type: "string", default: nil,
        defaultText: "\"\(standardFormat)\"", meaning: "How rationale and output are written."
    ) { (json, path, _) throws(APIError) in try Read.string(json, path) }
    static let cue = Field<String?>.string(
        "cue", Allowed(min: 1, max: 65_536, counting: "bytes"),
        meaning: "Begins every answer, that to the query too. Not in a chat.")

    static let standardFormat = "{rationale} The answer is {output}."

    static let members = [
        AnyField(examples), AnyField(set), AnyField(version), AnyField(count), AnyField(select),
        AnyField(lambda), AnyField(candidates), AnyField(order), AnyField(probeOrders),
        AnyField(seed), AnyField(template), AnyField(instruction), AnyField(budgetTokens), AnyField(overflow),
        AnyField(drop), AnyField(excludeQuery), AnyField(rationale), AnyField(rationaleFormat), AnyField(cue),
    ]

    /// Reads the object; `members` are those that it may have here.
    static func read(
        _ json: JSON, _ path: String, _ members: [AnyField], _ reading: inout FieldReading
    ) throws(APIError) -> ShotsInput {
        let values = try Read.members(json, path, members, &reading)
        return try input(values, pool: values[examples].map { ExamplePool($0) }) { JSONPath.member(path, $0) }
    }

    /// What the members say; `place` is where each of them stands in the request.
    static func input(
        _ values: FieldValues, pool: ExamplePool?, place: (String) -> String
    ) throws(APIError) -> ShotsInput {
        let source: ExampleSource
        switch (pool, values[set]) {
        case (let pool?, nil): source = .inline(pool)
        case (nil, let id?): source = .set(id: id, version: values[version])
        case (_?, _?): throw .conflict(param: place("set"), other: place("examples"))
        case (nil, nil): throw .missing(param: place("examples"))
        }
        if values.has(version), values[set] == nil {
            throw .invalidValue(param: place("version"), reason: "only with set")
        }
        var selection = ExampleSelection()
        selection.method = ExampleSelection.Method(rawValue: values[select]) ?? .first
        selection.order = values[order].flatMap { ExampleSelection.Order(rawValue: $0) }
        selection.count = values[count]
        selection.seed = UInt64(values[seed])
        selection.excludesQuery = values[excludeQuery]
        selection.relevance = Double(values[lambda])
        selection.candidateCount = values[candidates]
        if values.has(rationaleFormat), !values[rationale] {
            throw .conflict(param: place("rationale_format"), other: place("rationale"))
        }
        let answers: AnswerFormat
        do throws(PromptingError) {
            answers = try AnswerFormat(
                rationale: values[rationale] ? values[rationaleFormat] ?? standardFormat : nil, cue: values[cue],
                name: place("rationale_format"))
        } catch {
            throw APIError(error, param: place("rationale_format"))
        }
        let paths = Dictionary(uniqueKeysWithValues: members.map { ($0.declaration.name, place($0.declaration.name)) })
        return ShotsInput(
            paths: paths, source: source, selection: selection, template: values[template],
            instruction: values[instruction], budgetTokens: values[budgetTokens],
            refusesOverflow: values[overflow] == "error",
            drop: ShotBudget.Drop(rawValue: values[drop]) ?? .leastRelevant, answers: answers,
            hasCue: values[cue] != nil, probeOrders: values[probeOrders])
    }
}
