// SPDX-License-Identifier: Apache-2.0

import HTTPServing
import HTTPTypes
import Testing

/// What a parser made of some bytes, message by message.
enum Outcome: Hashable, CustomStringConvertible {
    /// A request to serve: "GET /path", its body, and whether the connection goes on after it.
    case serves(String, body: String = "", keeps: Bool = true)
    /// A request to serve whose client waits for 100 Continue.
    case invites(String, body: String = "")
    /// A well-framed request that is refused; the connection goes on unless `closes`.
    case refuses(Int, closes: Bool = false)
    /// Bytes that are no request: answer and close.
    case fails(Int)
    /// The bytes end in the middle of a message that is right so far.
    case waits

    var description: String {
        switch self {
        case .serves(let line, let body, let keeps): "serves \(line) '\(body.prefix(40))'\(keeps ? "" : " and closes")"
        case .invites(let line, let body): "invites \(line) '\(body.prefix(40))'"
        case .refuses(let status, let closes): "refuses with \(status)\(closes ? " and closes" : "")"
        case .fails(let status): "fails with \(status)"
        case .waits: "waits for more"
        }
    }
}

/// Bytes for a parser, the RFC's section that judges them, and the judgement.
struct ParserCase: Sendable, CustomTestStringConvertible {
    var section: String
    var name: String
    var input: [UInt8]
    var expected: [Outcome]

    /// `input` holds one scalar per byte, up to U+00FF.
    init(_ section: String, _ name: String, _ input: String, _ expected: Outcome...) {
        self.section = section
        self.name = name
        self.input = input.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
        self.expected = expected
    }

    var testDescription: String { "RFC \(section): \(name)" }
}

extension [UInt8] {
    var text: String { String(decoding: self, as: UTF8.self) }
}

/// Feeds a parser piece by piece and sums up its events.
struct ParserRun {
    private var parser: HTTPParser
    private var outcomes: [Outcome] = []
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []
    private var invites = false
    /// Heads as they came.
    private(set) var heads: [HTTPRequestHead] = []

    init(limits: HTTPLimits = HTTPLimits()) { parser = HTTPParser(limits: limits) }

    mutating func feed(_ bytes: some Collection<UInt8>) {
        parser.append(bytes)
        while let event = parser.next() {
            switch event {
            case .head(let head):
                #expect(self.head == nil, "a head within a message")
                self.head = head
                heads.append(head)
            case .continueExpected: invites = true
            case .body(let bytes):
                #expect(!bytes.isEmpty)
                #expect(head != nil, "a body without a head")
                body += bytes
            case .end: endMessage()
            case .failure(let rejection):
                #expect(rejection.closes)
                outcomes.append(.fails(rejection.status.code))
                head = nil
            }
        }
    }

    private mutating func endMessage() {
        guard let head else {
            Issue.record("an end without a head")
            return
        }
        let line = "\(head.request.method.rawValue) \(head.path)"
        if let rejection = head.rejection {
            outcomes.append(.refuses(rejection.status.code, closes: rejection.closes))
        } else if invites {
            outcomes.append(.invites(line, body: body.text))
        } else {
            outcomes.append(.serves(line, body: body.text, keeps: head.keepsAlive))
        }
        (self.head, body, invites) = (nil, [], false)
    }

    /// The outcomes, with ``Outcome/waits`` at the end if a message is not complete.
    mutating func finish() -> [Outcome] {
        switch parser.position {
        case .head, .body:
            #expect(parser.finish() == .failure(HTTPRejection.incompleteMessage), "FIN in the middle of a message")
            return outcomes + [.waits]
        case .idle, .failed:
            #expect(parser.finish() == nil)
            return outcomes
        }
    }

    /// The outcomes of bytes cut at the given positions.
    static func outcomes(
        of input: [UInt8], cutAt cuts: [Int] = [], limits: HTTPLimits = HTTPLimits()
    ) -> [Outcome] {
        var run = ParserRun(limits: limits)
        var start = 0
        for cut in cuts + [input.count] {
            run.feed(input[start..<cut])
            start = cut
        }
        return run.finish()
    }
}

/// Checks a case whole, byte by byte, and cut in two at every position (at 64 positions if long).
func check(_ test: ParserCase, limits: HTTPLimits = HTTPLimits()) {
    let input = test.input
    let whole = ParserRun.outcomes(of: input, limits: limits)
    #expect(whole == test.expected, "whole")
    if input.count <= 200_000 {
        let bytewise = ParserRun.outcomes(of: input, cutAt: Array(input.indices.dropFirst()), limits: limits)
        #expect(bytewise == test.expected, "byte by byte")
    }
    let step = input.count <= 1_000 ? 1 : max(1, input.count / 64)
    for cut in stride(from: 1, to: input.count, by: step) {
        let split = ParserRun.outcomes(of: input, cutAt: [cut], limits: limits)
        guard split == test.expected else {
            Issue.record("cut at \(cut): \(split) instead of \(test.expected)")
            return
        }
    }
}
