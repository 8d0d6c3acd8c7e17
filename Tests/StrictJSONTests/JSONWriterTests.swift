// SPDX-License-Identifier: Apache-2.0

import StrictJSON
import Testing

@Suite struct JSONWriterTests {
    static func written(_ json: JSON) -> [UInt8] {
        var writer = JSONWriter()
        writer.value(json)
        return writer.bytes
    }

    static func text(_ write: (inout JSONWriter) -> Void) -> String {
        var writer = JSONWriter()
        write(&writer)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    @Test func placesCommas() {
        let text = Self.text { writer in
            writer.object { object in
                object.member("n", 1)
                object.member("text", "hi")
                object.member("none", nil as String?)
                object.member("gone", nil as Int?)
                object.member("flag", true)
                object.member("list", [1, 2, 3])
                object.member("names", ["a", "b"])
                object.member("empty", [Int]())
                object.member("json", .array([.null, .object(JSONObject())]))
                object.member("inner", object: { $0.member("x", 0.5) })
                object.member(
                    "things",
                    array: { things in
                        things.object { _ in }
                        things.array { _ in }
                        things.value("s")
                        things.value(false)
                        things.null()
                    })
            }
        }
        #expect(
            text
                == #"{"n":1,"text":"hi","none":null,"gone":null,"flag":true,"list":[1,2,3],"names":["a","b"],"#
                + #""empty":[],"json":[null,{}],"inner":{"x":0.5},"things":[{},[],"s",false,null]}"#)
    }

    @Test func everyControlCharacterIsEscaped() throws {
        for value in UInt32(0)...0x2FF {
            let scalar = try #require(Unicode.Scalar(value))
            let bytes = Self.written(.string("a\(scalar)b"))
            if value < 0x20 || value == 0x7F { #expect(!bytes.contains(UInt8(value)), "U+\(value)") }
            let found = try JSONParser.parse(bytes)
            #expect(found.stringValue.map { Array($0.utf8) } == Array("a\(scalar)b".utf8), "U+\(value)")
        }
        #expect(Self.text { $0.value("\"\\\n\r\t\0\u{1f}\u{7f}/é😀") } == #""\"\\\n\r\t\u0000\u001f\u007f/é😀""#)
    }

    @Test func numbersThatJSONDoesNotHaveBecomeNull() {
        #expect(Self.text { $0.array { $0.value(Double.nan) } } == "[null]")
        #expect(Self.text { $0.array { $0.value(-Double.infinity) } } == "[null]")
        #expect(Self.text { $0.array { $0.value(Float.infinity) } } == "[null]")
        #expect(Self.text { $0.object { $0.member("x", Float.nan) } } == #"{"x":null}"#)
    }

    @Test(
        "numbers read back equal",
        arguments: [
            0, -0.0, 0.1, 1e-7, 1e21, 1e300, -1.5, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 1.0 / 3,
            9_007_199_254_740_992,
            123456.789,
            Double(Float(0.1)),
        ])
    func numbersReadBack(_ number: Double) throws {
        let found = try JSONParser.parse(Self.written(.number(number)))
        #expect(found.doubleValue?.bitPattern == number.bitPattern || (number == 0 && found.doubleValue == 0))
        let single = Float(number)
        guard single.isFinite else { return }
        let text = Self.text { $0.value(single) }
        #expect((try JSONParser.parse(Array(text.utf8))).doubleValue.map { Float($0) } == single)
    }

    @Test(arguments: 0..<20)
    func randomValuesReadBack(_ seed: UInt64) throws {
        var random = Generator(state: seed &* 0x9E37_79B9_7F4A_7C15 | 1)
        for _ in 0..<50 {
            let value = random.value(depth: 0)
            let bytes = Self.written(value)
            let found = try JSONParser.parse(bytes)
            #expect(found == value, "seed \(seed): \(String(decoding: bytes, as: UTF8.self))")
            #expect(Self.written(found) == bytes)
        }
    }
}

/// Makes random JSON values.
struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }

    mutating func string() -> String {
        var text = ""
        for _ in 0..<Int.random(in: 0...12, using: &self) {
            let most: UInt32 = [0x7F, 0x7FF, 0xFFFF, 0x10FFFF][Int.random(in: 0..<4, using: &self)]
            text.unicodeScalars.append(Unicode.Scalar(UInt32.random(in: 0...most, using: &self)) ?? "\u{FFFD}")
        }
        return text
    }

    mutating func value(depth: Int) -> JSON {
        switch Int.random(in: 0..<(depth < 5 ? 8 : 5), using: &self) {
        case 0: return .null
        case 1: return .bool(Bool.random(using: &self))
        case 2: return .integer(Int64(truncatingIfNeeded: next() >> UInt64.random(in: 0...63, using: &self)))
        case 3:
            let number = Double(bitPattern: next())
            // A whole number without exponent reads back as an integer.
            return number.isFinite && number.description.contains(where: { $0 == "e" || $0 == "." })
                ? .number(number) : .null
        case 4: return .string(string())
        case 5: return .array((0..<Int.random(in: 0...6, using: &self)).map { _ in value(depth: depth + 1) })
        default:
            var object = JSONObject()
            for _ in 0..<Int.random(in: 0...20, using: &self) { object[string()] = value(depth: depth + 1) }
            return .object(object)
        }
    }
}
