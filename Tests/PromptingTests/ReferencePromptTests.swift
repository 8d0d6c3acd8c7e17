// SPDX-License-Identifier: Apache-2.0

import Foundation
import Prompting
import Testing

/// Prompts that others published, put together anew from their parts. The files are no part of the repository.
@Suite struct ReferencePromptTests {
    /// A folder of benchmarks below TEMPER_DATA, else below `shared/data` beside a folder above this file.
    static func folder(_ name: String) -> URL? {
        if let path = ProcessInfo.processInfo.environment["TEMPER_DATA"] {
            return existing(URL(fileURLWithPath: path).appendingPathComponent(name))
        }
        var place = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        while place.path != "/" {
            place.deleteLastPathComponent()
            if let found = existing(place.appendingPathComponent("shared/data/\(name)")) { return found }
        }
        return nil
    }

    private static func existing(_ url: URL) -> URL? {
        FileManager.default.fileExists(atPath: url.path) ? url : nil
    }

    private static let exemplars = folder("eval/bbh/cot-prompts")

    /// The prompts of BIG-Bench Hard: an instruction, and examples with their chains of thought.
    @Test(
        .enabled(
            if: exemplars != nil, "the prompts of BIG-Bench Hard are absent; set TEMPER_DATA to the folder of data"))
    func chainOfThoughtPromptsOfBigBenchHard() throws {
        let folder = try #require(Self.exemplars)
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".txt") }
        var rebuilt = 0
        for name in names.sorted() {
            let file = try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
            let text = try #require(file.components(separatedBy: "-----\n").last)
                .trimmingCharacters(in: .whitespacesAndNewlines)
            var blocks = text.components(separatedBy: "\n\nQ: ")
            let instruction = blocks.removeFirst()
            let examples = blocks.compactMap(Self.example)
            // Some files end answers in other words.
            guard examples.count == blocks.count else { continue }
            let request = ShotRequest(
                instruction: instruction, examples: examples, query: "not ( True ) is",
                answers: try AnswerFormat(
                    rationale: "{rationale} So the answer is {output}.", cue: "Let's think step by step.\n"))
            let prompt = try ShotPrompt(request, template: ShotTemplate(named: "qa"))
            #expect(prompt.text == text + "\n\nQ: not ( True ) is\nA: Let's think step by step.", "\(name)")
            rebuilt += 1
        }
        #expect(rebuilt >= 15, "\(rebuilt) of \(names.count)")
    }

    /// `QUESTION\nA: Let's think step by step.\nREASONING So the answer is ANSWER.`
    private static func example(_ block: String) -> ShotExample? {
        let parts = block.components(separatedBy: "\nA: Let's think step by step.\n")
        guard parts.count == 2, parts[1].hasSuffix(".") else { return nil }
        let steps = parts[1].dropLast().components(separatedBy: " So the answer is ")
        guard steps.count == 2 else { return nil }
        return ShotExample(input: parts[0], output: steps[1], rationale: steps[0])
    }

    private static let problems = folder("eval/gsm8k/test.jsonl")

    /// GSM8K as lm-evaluation-harness writes it: question and answer, the answer with its steps and `#### NUMBER`.
    @Test(.enabled(if: problems != nil, "GSM8K is absent; set TEMPER_DATA to the folder of data"))
    func promptsOfGradeSchoolMathematics() throws {
        struct Problem: Decodable {
            var question: String
            var answer: String
        }
        let lines = try String(contentsOf: try #require(Self.problems), encoding: .utf8).split(separator: "\n").prefix(
            9)
        let problems = try lines.map { try JSONDecoder().decode(Problem.self, from: Data($0.utf8)) }
        let examples = problems.dropLast().map { problem in
            let parts = problem.answer.components(separatedBy: "\n#### ")
            return ShotExample(input: problem.question, output: parts.last ?? "", rationale: parts.first)
        }
        let request = ShotRequest(
            examples: Array(examples), query: problems[8].question,
            answers: try AnswerFormat(rationale: "{rationale}\n#### {output}"))
        let expected =
            problems.dropLast().map { "Question: \($0.question)\nAnswer: \($0.answer)\n\n" }.joined()
            + "Question: \(problems[8].question)\nAnswer:"
        #expect(try ShotPrompt(request, template: ShotTemplate(named: "question")).text == expected)
    }
}
