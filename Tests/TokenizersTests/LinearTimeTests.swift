// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing
import Tokenizers

/// Doubling a text at most about doubles the time, also for texts made to be slow.
@Suite(.serialized)
struct LinearTimeTests {
    static let texts: [(name: String, unit: String)] = [
        ("one letter", "a"), ("spaces", " "), ("alternating", "ab"), ("newlines", "\n"), ("space and newline", " \n"),
        ("apostrophes", "'s"), ("digits", "1"), ("combining marks", "\u{301}\u{327}"), ("ideographs", "世界"),
        ("unknown", "\u{10FFFD}"), ("half a special token", "<|im_end|"), ("words", "The cat takes 12 houses. "),
    ]

    @Test(arguments: ["llama3", "qwen2", "smollm", "llama2"])
    func encodingIsAboutLinear(family: String) throws {
        let tokenizer = try ReferenceTests.tiny(family).tokenizer
        for (name, unit) in Self.texts {
            let half = String(repeating: unit, count: (1 << 19) / unit.utf8.count)
            let whole = half + half
            // Medians, since the first rounds find memory in another state; more rounds if they were unlucky.
            var times: (half: [Double], whole: [Double]) = ([], [])
            var ratio = Double.infinity
            for round in 0..<15 where round < 3 || ratio > 2.3 {
                times.half.append(Self.seconds { Self.count(tokenizer, half) })
                times.whole.append(Self.seconds { Self.count(tokenizer, whole) })
                ratio = Self.median(times.whole) / Self.median(times.half)
            }
            let seconds = Self.median(times.whole)
            if ProcessInfo.processInfo.environment["TEMPER_TOKENIZER_TIMES"] != nil {
                print("\(family), \(name): 1 MiB in \(seconds) s, ratio \(ratio)")
            }
            #expect(ratio <= 2.3, "\(family), \(name): \(times)")
            #expect(seconds < 10, "\(family), \(name)")
        }
    }

    private static func count(_ tokenizer: any Tokenizer, _ text: String) -> Int {
        tokenizer.encode(text, addSpecial: false, parseSpecial: true).count
    }

    private static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

    /// Processor time of this thread, which other threads and processes do not add to.
    private static func seconds(_ body: () -> Int) -> Double {
        func now() -> Double {
            var time = timespec()
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
            return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
        }
        let start = now()
        #expect(body() > 0)
        return now() - start
    }

    @Test func decodingIsLossFreeForALongText() throws {
        let tokenizer = try ReferenceTests.tiny("llama3").tokenizer
        let text = String(repeating: "The cat\n\n takes 345 houses; été 世界 ", count: 20_000)
        #expect(tokenizer.decode(tokenizer.encode(text, addSpecial: true, parseSpecial: true)) == text)
    }
}
