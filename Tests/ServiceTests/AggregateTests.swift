// SPDX-License-Identifier: Apache-2.0

import Decoding
import Engine
import Foundation
import HTTPTypes
import Service
import StrictJSON
import Testing

@Suite struct AggregateTests {
    /// An engine whose choices say these texts, one token each of these probabilities.
    private static func engine(_ samples: [(text: String, probability: Double)], chat: Bool = false) -> FakeEngine {
        let model = chat ? FakeEngine.chatModel() : FakeEngine.model()
        return FakeEngine(models: [model]) { requests in
            var events: [GenerationEvent] = [.prompt(index: 0, tokens: [])]
            for (choice, sample) in samples.enumerated() {
                var token = FakeEngine.token(65, Float(log(sample.probability)))
                token.statistics = DrawStatistics(
                    rawLogprob: log(sample.probability), rawEntropy: 1, processedLogprob: 0, processedEntropy: 0,
                    survivorCount: 1)
                events.append(.delta(index: 0, choice: choice, text: sample.text, tokens: [token]))
                events.append(.finished(index: 0, choice: choice, reason: .length))
            }
            return events + [.completed(requests.map { FakeEngine.usage($0, generated: samples.count) })]
        }
    }

    private static let samples: [(text: String, probability: Double)] = [
        ("One and 2. The answer is $1,200.00.\nQ", 0.5), ("The answer is 7.", 0.9), ("the answer: none", 0.9),
        ("The answer is 5. The answer is 1200", 0.25), ("The answer is seven.", 0.9),
    ]

    @Test func samplesVote() throws {
        let engine = Self.engine(Self.samples)
        let answer = try TestService(engine).complete(
            """
            {"prompt":"x","n":5,"aggregate":{"answer_after":"The answer is","normalize":"number"}}
            """)
        let aggregate = try #require(answer.json["aggregate"], "\(answer.text)")
        #expect(aggregate["answer"] == "$1,200.00")
        let votes = try #require(aggregate["votes"]?.arrayValue)
        #expect(votes.map { $0["count"] } == [2, 1] && votes.map { $0["answer"] } == ["$1,200.00", "7"])
        #expect(votes[0]["choices"] == .array([0, 3]) && votes[0]["share"] == 0.4)
        #expect(abs((votes[0]["logprob"]?.doubleValue ?? 1) - log(0.75)) < 1e-6)
        // "seven" is no number.
        #expect(aggregate["unanswered"] == .array([2, 4]))
        #expect(engine.submissions[0].requests.allSatisfy { $0.reportsStatistics && $0.logprobCount == nil })
        #expect(answer.json["choices"]?.arrayValue?.first?["logprobs"] == .null)
    }

    @Test func aPatternFindsTheAnswer() throws {
        let answer = try TestService(Self.engine(Self.samples)).complete(
            "{\"prompt\":\"x\",\"n\":5,\"aggregate\":{\"pattern\":\"[0-9]+\",\"weight\":\"mean_logprob\"}}")
        let votes = try #require(answer.json["aggregate"]?["votes"]?.arrayValue, "\(answer.text)")
        #expect(votes.map { $0["answer"] } == ["7", "00", "1200"])
        let first = try TestService(Self.engine(Self.samples)).complete(
            """
            {"prompt":"x","n":5,"aggregate":{"pattern":"[0-9]+","answer_after":"The answer is"}}
            """)
        #expect(
            first.json["aggregate"]?["votes"]?.arrayValue?.map { $0["answer"] } == ["7", "1", "1200"], "\(first.text)")
    }

    @Test func aStreamSaysItAfterTheLastChoice() throws {
        let answer = try TestService(Self.engine(Self.samples, chat: true)).chat(
            """
            {"messages":[{"role":"user","content":"x"}],"n":5,"stream":true,"stream_options":{"include_usage":true},\
            "aggregate":{"answer_after":"The answer is","normalize":"loose"}}
            """)
        let events = answer.eventObjects
        let vote = try #require(events.dropLast().last)
        #expect(vote["choices"] == .array([]) && vote["object"] == "chat.completion.chunk")
        #expect(vote["aggregate"]?["answer"] == "7" && vote["aggregate"]?["unanswered"] == .array([2]))
        #expect(events.last?["usage"]?["completion_tokens"] == 5)
        #expect(events.filter { $0["aggregate"] != nil }.count == 1)
    }

    @Test(arguments: [
        ("{\"prompt\":[\"x\",\"y\"],\"aggregate\":{}}", "aggregate"),
        ("{\"prompt\":\"x\",\"aggregate\":{\"pattern\":\"(\"}}", "aggregate.pattern"),
        ("{\"prompt\":\"x\",\"aggregate\":{\"normalize\":\"none\"}}", "aggregate.normalize"),
        ("{\"prompt\":\"x\",\"aggregate\":7}", "aggregate"),
    ])
    func badRequestsAreRefused(_ body: String, _ param: String) throws {
        let answer = try TestService(FakeEngine()).complete(body)
        #expect(answer.status == 400 && answer.param == param, "\(answer.text)")
    }

    @Test(arguments: [
        ("1,234.50", "1234.5", 1.0), ("$ 5", "5", 0), ("$-5", "-5.0", 1), ("+007", "7", 1), (".50", "0.5", 1),
        ("5.", "5", 1), ("-0", "0", 1), ("1.2.3", "1.2.3", 0), ("", "", 0), ("12a", "12", 0), ("-", "-", 0),
    ])
    func numbersAreCompared(_ left: String, _ right: String, _ score: Double) {
        #expect(
            AnswerScoring(metric: .exactMatch, normalization: .number).score(left, reference: right) == score)
    }
}

@Suite struct CalibrateTests {
    /// The probability of a choice is a function of the prompt's bytes and its own: no two are alike.
    private static func logprob(_ request: GenerationRequest) -> Float {
        let hash = request.prompt.reduce(Int32(7)) { ($0 &* 31 &+ $1) & 0xFFFF }
        return -0.5 - Float(hash % 97) / 16
    }

    private static let engine: FakeEngine.Script = { requests in
        requests.enumerated().map { index, request in
            .prompt(index: index, tokens: [FakeEngine.token(65, logprob(request), top: [(65, -1)])])
        } + [.completed(requests.map { FakeEngine.usage($0, generated: 0) })]
    }

    private func score(_ body: String) throws -> (Answer, FakeEngine) {
        let engine = FakeEngine(models: [FakeEngine.model(contextLength: 512)], script: Self.engine)
        return (try TestService(engine).send(.post, "/v1/score", body), engine)
    }

    private func texts(_ engine: FakeEngine) -> [String] {
        engine.submissions[0].requests.map { request in
            String(decoding: request.prompt.filter { $0 < 256 }.map { UInt8($0) }, as: UTF8.self)
        }
    }

    private func logprobs(_ engine: FakeEngine) -> [Double] {
        engine.submissions[0].requests.map { Double(Self.logprob($0)) }
    }

    @Test func inputsStandInThePlaceOfTheQuery() throws {
        let (answer, engine) = try score(
            """
            {"prompt":"a red hen","choices":[" x"," y"],"calibrate":{},"shots":{"select":"ngram","count":1,\
            "template":"arrow","examples":[{"input":"blue","output":"x"},{"input":"red","output":"y"}]}}
            """)
        // The example of the query stands before all.
        #expect(
            texts(engine) == [
                "red -> y\na red hen -> x", "red -> y\na red hen -> y", "red -> y\nN/A -> x", "red -> y\nN/A -> y",
                "red -> y\n -> x", "red -> y\n -> y", "red -> y\n[MASK] -> x", "red -> y\n[MASK] -> y",
            ], "\(answer.text)")
        let found = logprobs(engine)
        func share(_ place: Int) -> Double {
            exp(found[place]) / (exp(found[place / 2 * 2]) + exp(found[place / 2 * 2 + 1]))
        }
        let prior = [0, 1].map { choice in [2, 4, 6].reduce(0) { $0 + share($1 + choice) } / 3 }
        let weights = [0, 1].map { share($0) / prior[$0] }
        let choices = try #require(answer.json["choices"]?.arrayValue)
        #expect(choices.count == 2)
        for (choice, place) in zip(choices, 0...) {
            #expect(abs((choice["prior_logprob"]?.doubleValue ?? 1) - log(prior[place])) < 1e-9)
            let expected = log(weights[place] / weights.reduce(0, +))
            #expect(abs((choice["calibrated_logprob"]?.doubleValue ?? 1) - expected) < 1e-9)
        }
        #expect(answer.json["best"]?["calibrated_logprob"] == .integer(weights[0] >= weights[1] ? 0 : 1))
        let total = engine.submissions[0].requests.reduce(0) { $0 + $1.prompt.count - 2 } / 2
        #expect(answer.json["usage"]?["prompt_tokens"] == .integer(Int64(total)))
    }

    @Test func theShortFormAndTheOtherMethods() throws {
        let batch = try score(
            """
            {"prompt":"q","choices":[" x"," y"],"template":"qa",\
            "calibrate":{"method":"batch","inputs":["one","two"]}}
            """)
        #expect(texts(batch.1).map { $0.prefix(6) }.prefix(4) == ["Q: q\nA", "Q: q\nA", "Q: one", "Q: one"])
        #expect(batch.0.status == 200 && texts(batch.1).count == 6)
        let pmi = try score(
            """
            {"prompt":"q","choices":[" x"," y"],"template":"qa","calibrate":{"method":"pmi","premise":"Answer:"}}
            """)
        #expect(texts(pmi.1) == ["Q: q\nA: x", "Q: q\nA: y", "Answer: x", "Answer: y"], "\(pmi.0.text)")
        let found = logprobs(pmi.1)
        let choices = try #require(pmi.0.json["choices"]?.arrayValue)
        #expect(choices.map { $0["prior_logprob"]?.doubleValue } == [found[2], found[3]])
    }

    @Test(arguments: [
        ("\"prompt\":[1,2],\"calibrate\":{}", "calibrate"),
        ("\"prompt\":\"q\",\"calibrate\":{\"method\":\"batch\"}", "calibrate.inputs"),
        ("\"prompt\":\"q\",\"calibrate\":{\"method\":\"pmi\"}", "calibrate.premise"),
        ("\"prompt\":\"q\",\"calibrate\":{\"premise\":\"x\"}", "calibrate.premise"),
        (
            "\"prompt\":\"q\",\"calibrate\":{\"method\":\"pmi\",\"premise\":\"x\",\"inputs\":[\"y\"]}",
            "calibrate.inputs"
        ),
        ("\"prompt\":\"q\",\"calibrate\":{\"method\":\"none\"}", "calibrate.method"),
        ("\"prompt\":\"q\",\"calibrate\":{\"inputs\":[]}", "calibrate.inputs"),
    ])
    func badRequestsAreRefused(_ members: String, _ param: String) throws {
        let (answer, _) = try score("{\"choices\":[\" x\",\" y\"],\(members)}")
        #expect(answer.status == 400 && answer.param == param, "\(answer.text)")
    }

    @Test func tooManySequencesAreRefused() throws {
        let choices = (0..<17).map { "\" \($0)\"" }.joined(separator: ",")
        let (answer, _) = try score("{\"prompt\":\"q\",\"choices\":[\(choices)],\"calibrate\":{}}")
        #expect(answer.status == 400 && answer.param == "calibrate" && answer.text.contains("68"), "\(answer.text)")
    }
}
