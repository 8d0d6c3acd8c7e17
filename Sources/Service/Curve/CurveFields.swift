// SPDX-License-Identifier: Apache-2.0

import Prompting
import StrictJSON

// The body of `/v1/prompts/curve`.
extension RequestFields {
    static let curveShots = Field<ShotsInput?>(
        "shots", type: "object", default: nil, defaultText: nil, endpoints: [.curve],
        members: CurveFields.shotMembers.map(\.declaration),
        meaning: "The examples to show, as in a completion, but for their number."
    ) { (json, path, reading) throws(APIError) in
        try ShotsFields.read(json, path, CurveFields.shotMembers, &reading)
    }

    static let curveTest = Field<[ShotExample]?>(
        "test", type: "array of objects", allowed: CurveFields.itemCount, default: nil, defaultText: nil,
        endpoints: [.curve], members: ExampleFields.members.map(\.declaration),
        meaning: "The items: input is asked, output is right. Either this or test_set."
    ) { (json, path, reading) throws(APIError) in
        try ExampleFields.readAll(json, path, CurveFields.itemCount, &reading)
    }

    static let curveTestSet = Field<String?>.string(
        "test_set", ExampleFields.idLength, endpoints: [.curve],
        meaning: "The items: an example set of the server, by its id; up to 1,000 of them.")

    static let curveCounts = Field<[Int]>(
        "counts", type: "array of integers", allowed: CurveFields.countCount, default: CurveFields.standardCounts,
        defaultText: "[0, 1, 2, 4, 8]", endpoints: [.curve],
        meaning: "The numbers of shots, ascending, from 0 to 4096 each."
    ) { (json, path, _) throws(APIError) in
        var counts: [Int] = []
        for (index, element) in try Read.array(json, path, CurveFields.countCount, of: "integers").enumerated() {
            let place = JSONPath.element(path, index)
            let count = try Read.integer(element, place, Allowed(min: 0, max: 4096))
            guard counts.last.map({ $0 < count }) ?? true else {
                throw .invalidValue(param: place, reason: "the numbers must ascend")
            }
            counts.append(count)
        }
        return counts
    }

    static let curveMetric = Field<String>.choice(
        "metric", AnswerScoring.Metric.allCases.map(\.rawValue), default: AnswerScoring.Metric.exactMatch.rawValue,
        endpoints: [.curve],
        meaning: "What is measured: whether the answer is the output; whether the output has the largest "
            + "log-probability per byte among the choices; ROUGE-L F1 of both.")

    static let curveChoices = Field<[String]?>(
        "choices", type: "array of strings", allowed: CurveFields.choiceCount, default: nil, defaultText: nil,
        endpoints: [.curve], meaning: "What the metric choice ranks; absent: the outputs of the items."
    ) { (json, path, _) throws(APIError) in
        var choices: [String] = []
        for (index, element) in try Read.array(json, path, CurveFields.choiceCount, of: "strings").enumerated() {
            choices.append(
                try Read.string(
                    element, JSONPath.element(path, index), Allowed(min: 1, max: 4096, counting: "bytes")))
        }
        return choices
    }

    static let curveNormalize = Field<String>.choice(
        "normalize", AnswerScoring.Normalization.allCases.map(\.rawValue),
        default: AnswerScoring.Normalization.trim.rawValue, endpoints: [.curve],
        meaning: "What does not count in exact_match: white space at the ends; loose: also case, punctuation, articles "
            + "and the amount of white space; number: the way a number is written.")

    static let curveAnswerAfter = Field<String?>.string(
        "answer_after", Allowed(min: 1, max: 1024, counting: "bytes"), endpoints: [.curve],
        meaning: "The answer is what follows the last of these, to the end of its line and without a full stop.")

    static let curveMaxTokens = Field<Int>.integer(
        "max_tokens", Allowed(min: 1, maxFromModel: .contextLength), default: 32, unit: "tokens", endpoints: [.curve],
        meaning: "The most tokens of an answer, which is always the likeliest one.")

    static let curveStop = Field<[String]>(
        "stop", type: "string or array of strings", allowed: stopCountRange, default: ["\n"], defaultText: "\"\\n\"",
        endpoints: [.curve], meaning: "An answer ends before the first of these."
    ) { (json, path, reading) throws(APIError) in
        try stop.read(json, path, &reading)
    }

    static let curveConfidence = Field<Float>.number(
        "confidence", Allowed(min: 0.5, max: 0.999), default: 0.95, endpoints: [.curve],
        meaning: "Of the intervals.")

    static let curveStream = Field<Bool>.boolean(
        "stream", default: false, endpoints: [.curve], meaning: "Server-sent events while the curve grows.")
}

/// Limits of the curve.
enum CurveFields {
    static let itemCount = Allowed(min: 1, max: 1000, counting: "items")
    static let countCount = Allowed(min: 1, max: 16, counting: "numbers")
    static let choiceCount = Allowed(min: 2, max: 64, counting: "choices")
    static let standardCounts = [0, 1, 2, 4, 8]
    static let shotMembers = ShotsFields.members.filter { $0.declaration.name != ShotsFields.count.name }
}
