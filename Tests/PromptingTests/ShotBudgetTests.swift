// SPDX-License-Identifier: Apache-2.0

import Prompting
import Testing
import Tokenizers

@Suite struct ShotBudgetTests {
    private struct Generator: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ state >> 29
        }
    }

    private static func pool(_ generator: inout Generator) -> ExamplePool {
        ExamplePool(
            (0..<Int.random(in: 0...20, using: &generator)).map { index in
                ShotExample(
                    input: String(repeating: "ü", count: Int.random(in: 0...30, using: &generator)) + "\(index)",
                    output: String(repeating: "y", count: Int.random(in: 0...9, using: &generator)))
            })
    }

    /// What must hold of every prompt: it fits, no example is cut, one more would not fit, and all are accounted for.
    @Test func wholeExamplesWithinTheBudget() throws {
        let template = try ShotTemplate(named: "qa")
        let tokenizer = SpellingTokenizer(controls: [])
        var generator = Generator(state: 11)
        for round in 0..<400 {
            let pool = Self.pool(&generator)
            var selection = ExampleSelection()
            selection.method = ExampleSelection.Method.allCases[round % 5]
            selection.order = ExampleSelection.Order.allCases[round % 8]
            selection.seed = UInt64(round)
            let drop = ShotBudget.Drop.allCases[round % 3]
            let budget = ShotBudget(tokens: Int.random(in: 0...600, using: &generator), drop: drop)
            let result = selection.select(from: pool, query: "what?")
            var built = 0
            func prompt(_ shown: [Int]) throws(PromptingError) -> (prompt: ShotPrompt, tokens: Int) {
                built += 1
                let request = ShotRequest(
                    instruction: "Do.", examples: shown.map { pool.examples[$0] }, query: "what?")
                let made = try ShotPrompt(request, template: template)
                return (made, tokenizer.encode(made.text, addSpecial: false, parseSpecial: false).count)
            }
            let least = try prompt([]).tokens
            let fitted = try budget.fit(result, by: selection, in: pool, build: prompt)
            guard let fitted else {
                #expect(least > budget.tokens)
                continue
            }
            let (again, tokens) = try prompt(fitted.shown)
            #expect(again == fitted.prompt && tokens <= budget.tokens, "round \(round)")
            #expect(Set(fitted.shown).union(fitted.dropped) == Set(result.ranked))
            #expect(fitted.shown.count + fitted.dropped.count == result.ranked.count)
            #expect(
                selection.arrange(result.ranked.filter(fitted.shown.contains), of: result, in: pool) == fitted.shown)
            let bytes = Array(fitted.prompt.text.utf8)
            for span in fitted.prompt.spans {
                guard case .example(let place) = span.kind else { continue }
                let example = pool.examples[fitted.shown[place]]
                #expect(
                    String(decoding: bytes[span.bytes], as: UTF8.self) == "Q: \(example.input)\nA: \(example.output)")
            }
            if let last = fitted.dropped.last {
                let more = selection.arrange(
                    result.ranked.filter { fitted.shown.contains($0) || $0 == last }, of: result, in: pool)
                #expect(try prompt(more).tokens > budget.tokens, "round \(round): one more would have fitted")
            }
            #expect(built < 16)
        }
    }

    @Test func policiesSayWhatGoesFirst() throws {
        let pool = ExamplePool(
            ["aaaa", "a", "aaaaaaaa", "aa"].map { ShotExample(input: $0, output: "") })
        func dropped(_ drop: ShotBudget.Drop, _ order: ExampleSelection.Order) throws -> [Int]? {
            var selection = ExampleSelection()
            selection.order = order
            let result = selection.select(from: pool, query: "q")
            return ShotBudget(tokens: 2, drop: drop).fit(result, by: selection, in: pool) { shown in
                (prompt: shown, tokens: shown.count)
            }?.dropped
        }
        #expect(try dropped(.leastRelevant, .selected) == [3, 2])
        #expect(try dropped(.oldest, .selected) == [0, 1])
        #expect(try dropped(.oldest, .longFirst) == [2, 0])
        #expect(try dropped(.longest, .selected) == [2, 0])
    }

    @Test func hugePoolsAreNotPutTogether() throws {
        let pool = ExamplePool(
            (0..<4000).map { ShotExample(input: String(repeating: "x", count: 2000), output: "\($0)") })
        let selection = ExampleSelection()
        let result = selection.select(from: pool, query: "q")
        var longest = 0
        let fitted = ShotBudget(tokens: 10).fit(result, by: selection, in: pool) { shown in
            longest = max(longest, shown.count)
            return (prompt: shown, tokens: shown.count)
        }
        #expect(fitted?.shown.count == 10 && longest <= 20)
    }

    // MARK: Answers

    @Test func rationalesAndCues() throws {
        let example = ShotExample(input: "2+2", output: "4", rationale: "Two and two.")
        let plain = ShotExample(input: "1+1", output: "2")
        let request = ShotRequest(
            examples: [example, plain], query: "3+3",
            answers: try AnswerFormat(rationale: "{rationale} So {output}.", cue: "Let's think.\n"))
        #expect(
            try ShotPrompt(request, template: ShotTemplate(named: "qa")).text
                == "Q: 2+2\nA: Let's think.\nTwo and two. So 4.\n\nQ: 1+1\nA: Let's think.\n2\n\nQ: 3+3\nA: Let's think."
        )
        #expect(
            try ShotPrompt(request, template: ShotTemplate(named: "plain")).text.hasSuffix("3+3\nLet's think."))
        let spaced = try AnswerFormat(rationale: nil, cue: "Well,")
        #expect(spaced.text(of: example) == "Well, 4")
        #expect(AnswerFormat().text(of: example) == "4")
        #expect(throws: PromptingError.missingSlot(part: "rationale_format", slot: "output")) {
            try AnswerFormat(rationale: "{rationale}")
        }
    }

    @Test func gapsAreWhatTheQueryLeavesOut() throws {
        #expect(try ShotTemplate(named: "qa").gap == " ")
        #expect(try ShotTemplate(named: "plain").gap == "")
        #expect(try ShotTemplate(example: "{input}\n\t{output}").gap == "\n\t")
        #expect(try ShotTemplate(example: "{input}: {output}", query: "{input} =").gap == " ")
        #expect(try ShotTemplate(example: "{input}: {output}", query: "{input}= ").gap == "")
    }

    // MARK: Tokens

    @Test func everyTokenOfAStretchIsInItsRange() {
        let tokenizer = SpellingTokenizer(controls: ["<s>"], addsBOS: true, bosID: 257)
        let text = "ab<s>é!"
        let spelt = tokenizer.encode(text, addSpecial: true, parseSpecial: true)
        let alignment = TokenAlignment(spelt, in: text, by: tokenizer, spellsControl: true)
        // BOS, which the text does not spell out; a; b; <s>; the two bytes of é; !
        #expect(alignment.ranges == [0..<0, 0..<1, 1..<2, 2..<5, 5..<6, 6..<7, 7..<8])
        #expect(alignment.tokens(in: 0..<2) == 1..<3)
        #expect(alignment.tokens(in: 3..<4) == 3..<4)
        #expect(alignment.tokens(in: 5..<8) == 4..<7)
        #expect(alignment.tokens(in: 8..<8) == 7..<7)
    }
}
