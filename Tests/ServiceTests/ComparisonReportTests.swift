// SPDX-License-Identifier: Apache-2.0

import Decoding
import Engine
import HTTPTypes
import Service
import StrictJSON
import Testing

@Suite struct ComparisonReportTests {
    /// What a hostile prompt, setting or model may say.
    private static let hostile = "</pre><script>alert(1)</script>\"' onload=x &amp; \u{1b}[31m,\r\n=1+1"

    private static func token(_ id: Int32, _ logprob: Float, entropy: Double) -> ReportedToken {
        var token = FakeEngine.token(id, logprob)
        token.statistics = DrawStatistics(
            rawLogprob: Double(logprob), rawEntropy: entropy, processedLogprob: Double(logprob),
            processedEntropy: entropy, survivorCount: 2)
        return token
    }

    /// Every choice says `text`; those of the later lanes leave the first at their first token.
    private static func engine(saying text: String) -> FakeEngine {
        FakeEngine { requests in
            var events: [GenerationEvent] = []
            for (lane, request) in requests.enumerated() {
                for choice in 0..<request.choiceCount {
                    if lane > 0 {
                        let divergence = Divergence(
                            position: request.prompt.count, reference: 97, other: 98,
                            raw: .init(reference: -1, other: -2), inReference: .init(reference: -1, other: -2),
                            inOther: .init(reference: -.infinity, other: 0), cause: .removed(by: .topK, on: .other))
                        events.append(.diverged(index: lane, choice: choice, divergence))
                    }
                    let tokens = [
                        token(lane > 0 ? 98 : 97, -1 - Float(choice), entropy: 0.5), token(99, -0.5, entropy: 1.25),
                    ]
                    events.append(.delta(index: lane, choice: choice, text: text, tokens: tokens))
                    events.append(.finished(index: lane, choice: choice, reason: .stopString(text)))
                }
            }
            events.append(.completed(requests.map { FakeEngine.usage($0, generated: 2 * $0.choiceCount) }))
            return events
        }
    }

    private func result(
        _ body: String, _ engine: FakeEngine = ComparisonReportTests.engine(saying: "so it was")
    ) throws -> FinishedComparison {
        let fields = try #require(try parse(body).objectValue)
        return try LocalComparison(fields: fields, engine: engine, version: "test").run(on: engine)
    }

    private static let body = """
        {"prompt":"a","max_tokens":4,"samples":2,"seed":3,"top_p":0.9,"reference":"so it was",
        "grid":{"temperature":[0,0.7],"order":["temper","llama.cpp"]}}
        """

    // MARK: Reading

    @Test(
        arguments: [
            ("temperature=0,0.7,1.5", "temperature", [JSON.integer(0), .number(0.7), .number(1.5)]),
            ("order=temper,llama.cpp", "order", [.string("temper"), .string("llama.cpp")]),
            ("stop=[\"a,b\",\"c\"],[]", "stop", [.array([.string("a,b"), .string("c")]), .array([])]),
            ("regex=\"a,b\",[a-z]{1,3}", "regex", [.string("a,b"), .string("[a-z]{1,3}")]),
            ("shots={\"count\":0},null", "shots", [["count": 0], .null]),
            ("stop=\"\\\",\"", "stop", [.string("\",")]),
            ("x=", "x", [.string("")]), ("x=a=b", "x", [.string("a=b")]), ("x=],a", "x", [.string("]"), .string("a")]),
            ("x=1,", "x", [.integer(1), .string("")]),
        ] as [(String, String, [JSON])])
    func valuesAreJSONOrStringsWithCommasBetween(_ text: String, _ name: String, _ values: [JSON]) throws {
        let field = try #require(SweptField(text))
        #expect(field.name == name && field.values == values)
    }

    @Test(arguments: ["", "temperature", "=1"]) func whatIsNoAssignmentIsNone(_ text: String) {
        #expect(SweptField(text) == nil)
    }

    @Test func answerIsThatOfTheRoute() throws {
        let answer = try TestService(Self.engine(saying: "so it was")).send(.post, "/v1/compare", Self.body)
        try #require(answer.status == 200, "\(answer.text)")
        #expect(try JSONParser.parse(result(Self.body).json).stable == answer.json.stable)
    }

    @Test(arguments: [
        ("{\"prompt\":\"a\",\"grid\":{\"temperature\":[0,-1]}}", "grid.temperature[1]", "from 0 to"),
        ("{\"prompt\":\"a\",\"lanes\":[{}],\"top_p\":2}", "top_p", "expected"),
        ("{\"prompt\":\"a\",\"grid\":{\"nope\":[1]}}", "grid.nope[0]", "no such field"),
        ("{\"prompt\":\"a\",\"lanes\":[{}],\"stream\":true}", "stream", "without a server"),
        ("{\"prompt\":\"a\",\"lanes\":[{}],\"samples\":65}", "samples", "64"),
    ])
    func faultNamesFieldAndRange(_ body: String, _ param: String, _ words: String) throws {
        let fields = try #require(try parse(body).objectValue)
        do throws(APIError) {
            try LocalComparison.check(fields)
            Issue.record("not refused")
        } catch {
            #expect(error.param == param)
            #expect(error.message.contains(words) && error.message.contains(param), "\(error.message)")
        }
    }

    @Test func engineFaultIsTold() throws {
        let engine = FakeEngine { _ in [.failed(.nonFiniteLogits(position: 3))] }
        #expect(throws: APIError.nonFiniteLogits(position: 3)) { _ = try result(Self.body, engine) }
        engine.refuse(.queueFull(limit: 1))
        #expect(throws: APIError.queueFull(limit: 1)) { _ = try result(Self.body, engine) }
    }

    // MARK: Reports

    @Test func tableHasARowPerLaneAndSaysWhereTextsPart() throws {
        let lines = ComparisonTable.text(try result(Self.body)).split(separator: "\n").map(String.init)
        #expect(lines[0].hasPrefix("lane") && lines[0].contains("tokens") && lines[0].contains("exact match"))
        #expect(lines[1].hasPrefix("temperature=0, order=\"temper\"") && lines[4].contains("order=\"llama.cpp\""))
        #expect(Set(lines[0...4].map(\.count)).count == 1, "columns stand below each other")
        #expect(lines.count { $0.contains("token 0: \"b\" instead of \"a\", removed here by top_k") } == 6)
    }

    @Test func tableKeepsControlCharactersFromTheTerminal() throws {
        let name = try parse("{\"name\":\"\\u001b]0;x\\u0007\"}")
        var body = JSONObject()
        body["prompt"] = "a"
        body["lanes"] = .array([name])
        let engine = Self.engine(saying: Self.hostile + "\u{202e}")
        let text = ComparisonTable.text(try LocalComparison(fields: body, engine: engine, version: "").run(on: engine))
        #expect(
            text.unicodeScalars.allSatisfy { $0 == "\n" || ($0.value >= 0x20 && $0 != "\u{7f}" && $0 != "\u{202e}") })
        #expect(text.contains("\\u{1b}[31m") && text.contains("\\u{1b}]0;x\\u{7}"))
    }

    @Test func csvHasARowPerTextAndQuotesWhatItMust() throws {
        let rows = ComparisonCSV.text(try result(Self.body, Self.engine(saying: Self.hostile)))
        let head = "lane,name,choice,seed,temperature,order,length,mean_logprob,mean_processed_logprob,mean_entropy"
        #expect(rows.hasPrefix(head))
        #expect(rows.unicodeScalars.count { $0 == "\r" } == 1 + 8 * 3)
        let quoted = "\"\(Self.hostile.replacing("\"", with: "\"\""))\""
        #expect(rows.contains(",stop,\(quoted),0,removed,top_k,\(quoted)\r\n"))
        #expect(
            rows.contains("\r\n1,\"temperature=0, order=\"\"llama.cpp\"\"\",1,3,0,\"\"\"llama.cpp\"\"\",2.0,-1.25,"))
    }

    @Test func pageHoldsForeignTextAsTextAlone() throws {
        var lane = JSONObject()
        lane["name"] = .string(Self.hostile)
        lane["stop"] = .string(Self.hostile)
        var body = JSONObject()
        body["prompt"] = .string(Self.hostile)
        body["reference"] = .string(Self.hostile)
        body["max_tokens"] = 2
        body["bad_words"] = .array([.string(Self.hostile)])
        body["lanes"] = .array([.object(lane), .object(lane)])
        let engine = FakeEngine(
            models: [FakeEngine.model(contextLength: 128)],
            script: Self.engine(saying: Self.hostile).script)
        let page = ComparisonPage.text(
            try LocalComparison(fields: body, engine: engine, version: Self.hostile).run(on: engine))
        #expect(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39; onload=x &amp;amp; \u{241b}[31m"))
        for word in ["<script", "javascript:", "http://", "https://", "\u{1b}"] {
            #expect(!page.contains(word), "\(word)")
        }
        try expectBalanced(page)
    }

    @Test func pageDrawsEveryMetric() throws {
        let page = ComparisonPage.text(try result(Self.body))
        let drawn = page.ranges(of: "<svg ").count
        // Five metrics (texts so short have no repetition), three with a reference, entropy by token, agreement.
        #expect(drawn == 10)
        #expect(page.contains("default-src &#39;none&#39;") && page.contains("<code>0.9</code>"))
        #expect(!page.contains("NaN") && !page.contains("inf\""))
        try expectBalanced(page)
    }

    @Test func pageOfNothingIsAPage() throws {
        let engine = FakeEngine { requests in
            requests.indices.map { .finished(index: $0, choice: 0, reason: .endToken(257)) }
                + [.completed(requests.map { FakeEngine.usage($0, generated: 0) })]
        }
        try expectBalanced(ComparisonPage.text(try result("{\"prompt\":\"a\",\"lanes\":[{}]}", engine)))
    }

    /// That each element ends where it must, and that nothing else looks like markup.
    private func expectBalanced(_ page: String) throws {
        var open: [Substring] = []
        var rest = page.dropFirst("<!DOCTYPE html>".count)
        while let start = rest.firstIndex(of: "<") {
            let end = try #require(rest[start...].firstIndex(of: ">"))
            let tag = rest[rest.index(after: start)..<end]
            rest = rest[rest.index(after: end)...]
            if tag.hasPrefix("/") {
                try #require(open.popLast() == tag.dropFirst(), "\(tag) ends nothing")
            } else if !tag.hasPrefix("meta") {
                open.append(tag.prefix { $0 != " " })
            }
        }
        #expect(open.isEmpty)
    }

    @Test(arguments: [
        ([0.0, 1.0], 0.0, 1.0), ([3.2, 47.0], 0.0, 50.0), ([5.0], 4.4, 5.6), ([], 0.0, 1.0),
        ([-0.013, 0.0035], -0.014, 0.004),
        ([-7.0, -6.5], -7.0, -6.5),
    ])
    func scaleEndsAtRoundNumbers(_ values: [Double], _ low: Double, _ high: Double) {
        let scale = Scale(values)
        #expect(abs(scale.low - low) < 1e-9 && abs(scale.high - high) < 1e-9, "\(scale)")
        #expect((3...12).contains(scale.ticks.count), "\(scale)")
        for value in values { #expect((0...1).contains(scale.share(value))) }
    }

    @Test(
        arguments: [
            (1.25, 1, "1.3"), (-0.04, 1, "0.0"), (-1.5, 0, "-2"), (0.005, 2, "0.01"), (12.0, 2, "12.00"),
            (.infinity, 2, "–"),
        ] as [(Double, Int, String)])
    func numbersAreRounded(_ value: Double, _ digits: Int, _ text: String) {
        #expect(PlainText.number(value, digits: digits) == text)
    }
}
