// SPDX-License-Identifier: Apache-2.0

import Evaluation
import Foundation
import Testing

@Suite struct CalibrationTests {
    private struct Case: Decodable {
        var method: String
        var query: [Double]
        var others: [[Double]]
        var calibrated: [Double]
    }

    /// Against Tests/Fixtures/evaluation/calibration-goldens.json: the papers' formulas in NumPy.
    @Test func equalsThePapersFormulas() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fixtures/evaluation/calibration-goldens.json")
        let cases = try JSONDecoder().decode([Case].self, from: Data(contentsOf: file))
        #expect(cases.count == 12)
        for entry in cases {
            let method = try #require(Calibration.Method(rawValue: entry.method))
            let prior = Calibration.prior(method, query: entry.query, others: entry.others)
            let found = Calibration.calibrated(entry.query, prior: prior)
            for (value, expected) in zip(found, entry.calibrated) {
                #expect(abs(value - expected) < 1e-10, "\(entry.method) \(entry.query)")
            }
        }
    }

    @Test func whatTheModelPrefersAnywayDoesNotCount() {
        // "yes" is three times as likely whatever is asked; the query itself speaks for "no".
        let query = [0.6, 0.4].map { log($0) }
        let prior = Calibration.prior(.contextual, query: query, others: [[0.75, 0.25].map { log($0) }])
        let found = Calibration.calibrated(query, prior: prior).map { exp($0) }
        #expect(abs(found[0] - 1.0 / 3) < 1e-12 && abs(found[1] - 2.0 / 3) < 1e-12)
    }
}

@Suite struct MajorityVoteTests {
    private static func ballots(_ answers: [(String?, Double)]) -> [MajorityVote.Ballot] {
        answers.map { MajorityVote.Ballot(answer: $0.0, key: ($0.0 ?? "").lowercased(), meanLogprob: log($0.1)) }
    }

    @Test func mostWins() {
        let vote = MajorityVote(
            Self.ballots([("a", 0.1), ("b", 0.9), ("A", 0.2), (nil, 0.9), ("c", 0.5)]), weight: .none)
        #expect(vote.parties.map(\.members) == [[0, 2], [1], [4]])
        // The likeliest writes the answer; 0.1 + 0.2.
        #expect(vote.parties[0].answer == "A" && abs(vote.parties[0].logprob - log(0.3)) < 1e-12)
        #expect(vote.abstentions == [3])
    }

    @Test func equalNumbersAreDecidedByLogProbability() {
        let tie = Self.ballots([("a", 0.1), ("b", 0.3), ("a", 0.4), ("b", 0.3), ("c", 0.9)])
        let vote = MajorityVote(tie, weight: .none)
        #expect(vote.parties.map(\.answer) == ["b", "a", "c"])
        let even = Self.ballots([("x", 0.5), ("y", 0.5)])
        #expect(MajorityVote(even, weight: .none).parties.map(\.answer) == ["x", "y"])
    }

    @Test func weightCanBeTheProbability() {
        let vote = MajorityVote(
            Self.ballots([("a", 0.1), ("a", 0.2), ("b", 0.9), ("c", 0.25)]), weight: .meanLogprob)
        #expect(vote.parties.map(\.answer) == ["b", "a", "c"])
        #expect(MajorityVote([], weight: .none).parties.isEmpty)
    }
}
