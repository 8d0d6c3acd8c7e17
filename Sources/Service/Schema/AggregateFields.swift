// SPDX-License-Identifier: Apache-2.0

import Constraints
import Evaluation
import StrictJSON

/// How samples of one prompt are made one answer.
struct Aggregation: Sendable {
    /// What the answer follows in a text, and what does not count when answers are compared.
    var scoring: AnswerScoring
    /// What an answer looks like; nil: all that is there.
    var pattern: TextPattern?
    /// What decides.
    var weight: MajorityVote.Weight

    /// The answer in a sample's text, and what it is counted as; nil: there is none.
    func answer(in text: String) -> (text: String, key: String)? {
        var answer = scoring.answer(in: text)
        if let pattern {
            // What cannot be searched in time has no answer.
            let place = try? pattern.match(scoring.marker == nil ? .last : .first, in: answer)
            guard let place = place ?? nil else { return nil }
            answer = String(decoding: Array(answer.utf8)[place], as: UTF8.self)
        }
        guard let key = scoring.normalized(answer), !key.isEmpty else { return nil }
        return (answer.withoutOuterSpace, key)
    }

    /// Counts the samples; `means` are the mean log-probabilities of their tokens.
    func vote(_ texts: [String], means: [Double]) -> MajorityVote {
        MajorityVote(
            zip(texts, means).map { text, mean in
                let found = answer(in: text)
                return MajorityVote.Ballot(answer: found?.text, key: found?.key ?? "", meanLogprob: mean)
            }, weight: weight)
    }
}

extension RequestFields {
    static let aggregate = Field<Aggregation?>(
        "aggregate", type: "object", default: nil, defaultText: nil, endpoints: .openAI,
        members: AggregateFields.members.map(\.declaration),
        meaning: "Makes the n choices one answer, self-consistency: finds the answer in each text and counts. The "
            + "votes are returned. One prompt only."
    ) { (json, path, reading) throws(APIError) in
        try AggregateFields.read(json, path, &reading)
    }
}

/// The members of `aggregate`.
enum AggregateFields {
    static let answerAfter = Field<String?>.string(
        "answer_after", Allowed(min: 1, max: 1024, counting: "bytes"),
        meaning: "The answer is what follows the last of these, to the end of its line and without a full stop; a text "
            + "without it has no answer.")
    static let pattern = Field<String?>.string(
        "pattern", Allowed(min: 1, max: Double(ConstraintLimits.textBytes), counting: "bytes"),
        meaning: "A regular expression of the answer: its last match in the text, or its first after answer_after; a "
            + "text without one has no answer. Notation as in regex.")
    static let normalize = Field<String>.choice(
        "normalize", AnswerScoring.Normalization.allCases.map(\.rawValue),
        default: AnswerScoring.Normalization.trim.rawValue,
        meaning: "What does not count when answers are compared: white space at the ends; loose: also case, "
            + "punctuation, articles and the amount of white space; number: the way a number is written, and what is "
            + "no number is no answer.")
    static let weight = Field<String>.choice(
        "weight", MajorityVote.Weight.allCases.map(\.rawValue), default: MajorityVote.Weight.none.rawValue,
        meaning: "What decides: the number of texts, equal ones by log-probability; mean_logprob: the sum of "
            + "exp(mean log-probability of a text's tokens, raw).")
    static let members = [AnyField(answerAfter), AnyField(pattern), AnyField(normalize), AnyField(weight)]

    static func read(
        _ json: JSON, _ path: String, _ reading: inout FieldReading
    ) throws(APIError) -> Aggregation {
        let values = try Read.members(json, path, members, &reading)
        var found: TextPattern?
        if let expression = values[pattern] {
            do throws(ConstraintError) {
                found = try TextPattern(expression)
            } catch {
                throw .invalidValue(param: JSONPath.member(path, pattern.name), reason: "\(error)")
            }
        }
        return Aggregation(
            scoring: AnswerScoring(
                metric: .exactMatch,
                normalization: AnswerScoring.Normalization(rawValue: values[normalize]) ?? .trim,
                marker: values[answerAfter]),
            pattern: found, weight: MajorityVote.Weight(rawValue: values[weight]) ?? .none)
    }
}
