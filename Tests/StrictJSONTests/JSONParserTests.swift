// SPDX-License-Identifier: Apache-2.0

import StrictJSON
import Testing

/// Parses a text or gives the error.
func parse(_ text: [UInt8], limits: JSONParser.Limits = .request) -> Result<JSON, JSONError> {
    do throws(JSONError) { return .success(try JSONParser.parse(text, limits: limits)) } catch {
        return .failure(error)
    }
}

/// Parses a text or gives the error.
func parse(_ text: String, limits: JSONParser.Limits = .request) -> Result<JSON, JSONError> {
    parse(Array(text.utf8), limits: limits)
}

@Suite struct JSONParserTests {
    static let accepted: [(String, JSON)] = [
        ("null", .null), ("true", .bool(true)), ("false", .bool(false)), (" \t\r\n0 \t\r\n", .integer(0)),
        ("\"\"", .string("")), ("[]", .array([])), ("[ ]", .array([])), ("{}", .object(JSONObject())),
        ("{ }", .object(JSONObject())), ("[1,2 , 3]", .array([.integer(1), .integer(2), .integer(3)])),
        ("[[],[[]]]", .array([.array([]), .array([.array([])])])),
        // Section 6: numbers.
        ("-0", .integer(0)), ("-1", .integer(-1)), ("10", .integer(10)), ("0.5", .number(0.5)), ("-0.0", .number(-0.0)),
        ("1e2", .number(100)), ("1E+2", .number(100)), ("1e-2", .number(0.01)), ("0e0", .number(0)),
        ("20.0", .number(20)), ("1.5e300", .number(1.5e300)), ("0.1", .number(0.1)),
        ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
        ("9223372036854775808", .number(9_223_372_036_854_775_808)),
        ("-9223372036854775809", .number(-9_223_372_036_854_775_808)),
        ("123456789012345678901234567890", .number(123456789012345677877719597056)),
        ("2.2250738585072014e-308", .number(2.2250738585072014e-308)), ("1e-400", .number(0)),
        ("1.7976931348623157e308", .number(1.7976931348623157e308)),
        // Section 7: strings.
        (#""\"\\\/\b\f\n\r\t""#, .string("\"\\/\u{8}\u{c}\n\r\t")), (#""\u0041\u00e9\u00E9""#, .string("Aéé")),
        (#""\u0000""#, .string("\0")), (#""\ud83d\ude00""#, .string("😀")), (#""\uD800\uDC00""#, .string("\u{10000}")),
        (#""\uDBFF\uDFFF""#, .string("\u{10FFFF}")), (#""\uFFFF""#, .string("\u{FFFF}")),
        ("\"é世😀\u{7f}\u{2028}\"", .string("é世😀\u{7f}\u{2028}")), ("\"/\"", .string("/")),
        (#""plain \n then plain""#, .string("plain \n then plain")),
    ]

    @Test("accepts", arguments: accepted)
    func accepts(_ text: String, _ expected: JSON) throws {
        let found = try parse(text).get()
        #expect(found == expected)
        if case .string(let text) = found, case .string(let wanted) = expected {
            #expect(Array(text.utf8) == Array(wanted.utf8))
        }
        if case .number(let number) = found, case .number(let wanted) = expected {
            #expect(number.bitPattern == wanted.bitPattern)
        }
    }

    static let refused: [(String, JSONError.Reason, Int)] = [
        ("", .unexpectedEnd, 0), (" ", .unexpectedEnd, 1), ("[", .unexpectedEnd, 1), ("{", .unexpectedEnd, 1),
        ("[1", .unexpectedEnd, 2), ("[1,", .unexpectedEnd, 3), ("{\"a\"", .unexpectedEnd, 4),
        ("{\"a\":", .unexpectedEnd, 5), ("{\"a\":1", .unexpectedEnd, 6), ("tru", .unexpectedEnd, 3),
        ("\"", .unexpectedEnd, 1), ("\"abc", .unexpectedEnd, 4), ("\"\\", .unexpectedEnd, 2),
        ("\"\\u00", .unexpectedEnd, 5), ("-", .unexpectedEnd, 1), ("1.", .unexpectedEnd, 2), ("1e", .unexpectedEnd, 2),
        // Grammar.
        ("]", .unexpectedByte(0x5D), 0), ("[1,]", .unexpectedByte(0x5D), 3), ("[,1]", .unexpectedByte(0x2C), 1),
        ("[1 2]", .unexpectedByte(0x32), 3), ("{\"a\":1,}", .unexpectedByte(0x7D), 7),
        ("{a:1}", .unexpectedByte(0x61), 1), ("{'a':1}", .unexpectedByte(0x27), 1), ("{1:1}", .unexpectedByte(0x31), 1),
        ("{\"a\" 1}", .unexpectedByte(0x31), 5), ("{\"a\"::1}", .unexpectedByte(0x3A), 5),
        ("True", .unexpectedByte(0x54), 0),
        ("nul1", .unexpectedByte(0x31), 3), ("'a'", .unexpectedByte(0x27), 0), ("[1}", .unexpectedByte(0x7D), 2),
        ("// c\n1", .unexpectedByte(0x2F), 0), ("\u{0B}1", .unexpectedByte(0x0B), 0), ("\0", .unexpectedByte(0), 0),
        ("1 2", .trailingBytes, 2), ("{}x", .trailingBytes, 2), ("nullnull", .trailingBytes, 4),
        ("1\0", .trailingBytes, 1),
        // Numbers.
        ("NaN", .unexpectedByte(0x4E), 0), ("Infinity", .unexpectedByte(0x49), 0), ("-Infinity", .badNumber, 1),
        ("+1", .unexpectedByte(0x2B), 0), (".5", .unexpectedByte(0x2E), 0), ("01", .badNumber, 2),
        ("-01", .badNumber, 3),
        ("00", .badNumber, 2), ("1.e5", .badNumber, 2), ("1e+", .unexpectedEnd, 3), ("1ex", .badNumber, 2),
        ("--1", .badNumber, 1), ("0x10", .trailingBytes, 1), ("1_000", .trailingBytes, 1), ("1e999", .badNumber, 0),
        ("-1e999", .badNumber, 0), ("[1, 1e309]", .badNumber, 4),
        // Strings.
        (#""\x41""#, .badEscape, 2), (#""\'""#, .badEscape, 2), (#""\U0041""#, .badEscape, 2),
        (#""\u00G0""#, .badEscape, 5),
        (#""\ud800""#, .badEscape, 7), (#""\ud800x""#, .badEscape, 7), (#""\ud800\n""#, .badEscape, 8),
        (#""\ud800\u0041""#, .badEscape, 13), (#""\udc00""#, .badEscape, 7), (#""\ud800\ud800""#, .badEscape, 13),
        ("\"a\nb\"", .controlCharacter, 2), ("\"\t\"", .controlCharacter, 1), ("\"\0\"", .controlCharacter, 1),
        ("\"\\n\u{1f}\"", .controlCharacter, 3),
        // Section 4: names are unique; compared as scalars after escapes are read.
        (#"{"a":1,"a":2}"#, .duplicateKey("a"), 7), (#"{"a":1,"\u0061":2}"#, .duplicateKey("a"), 7),
        (#"{"":1,"":2}"#, .duplicateKey(""), 6), (#"[{"b":{"k":1,"k":1}}]"#, .duplicateKey("k"), 13),
        // Section 8.1: no byte order mark.
        ("\u{FEFF}1", .notUTF8, 0),
    ]

    @Test("refuses, and says where", arguments: refused)
    func refuses(_ text: String, _ reason: JSONError.Reason, _ offset: Int) {
        guard case .failure(let error) = parse(text) else {
            Issue.record("accepted")
            return
        }
        #expect(error.reason == reason)
        #expect(error.byteOffset == offset)
        #expect(error.description.contains("byte \(offset)"))
    }

    static let notUTF8: [[UInt8]] = [
        [0x80], [0xC3], [0xC3, 0x28], [0xC0, 0xAF], [0xE0, 0x80, 0xAF], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80],
        [0xF5, 0x80, 0x80, 0x80], [0xFF], [0xE4, 0xB8],
    ]

    @Test("a string that is not UTF-8 is refused", arguments: notUTF8)
    func refusesBadUTF8(_ bytes: [UInt8]) {
        #expect(parse([0x22] + bytes + [0x22]) == .failure(JSONError(reason: .notUTF8, byteOffset: 1)))
        let escaped = Array(#""\n"#.utf8) + bytes + [0x22]
        #expect(parse(escaped) == .failure(JSONError(reason: .notUTF8, byteOffset: 1)))
        guard case .failure(let error) = parse(bytes) else {
            Issue.record("accepted")
            return
        }
        #expect(error.byteOffset == 0)
    }

    @Test func everyControlCharacterMustBeEscaped() {
        for byte in UInt8(0)..<0x20 {
            #expect(parse([0x22, byte, 0x22]) == .failure(JSONError(reason: .controlCharacter, byteOffset: 1)))
        }
        #expect(parse([0x22, 0x7F, 0x22]) == .success(.string("\u{7F}")))
    }

    @Test func everyCutOfATextIsAnError() throws {
        let text = Array(#"{"a":[1.5e3,-2,"x\n\u00e9\ud83d\ude00é"],"b":{"c":null,"d":[true,false]}} "#.utf8)
        _ = try parse(text).get()
        for length in 0..<text.count - 2 {
            guard case .failure(let error) = parse(Array(text[..<length])) else {
                Issue.record("accepted \(length) bytes")
                continue
            }
            #expect(error.byteOffset <= length)
        }
    }

    @Test func everyByteReplacedGivesAValueOrAnError() {
        let text = Array(#"{"a":[1.5e3,-2,"x\né"],"b":{"c":null}}"#.utf8)
        for index in text.indices {
            for byte in UInt8.min...UInt8.max {
                var changed = text
                changed[index] = byte
                guard case .failure(let error) = parse(changed) else { continue }
                #expect(error.byteOffset >= 0 && error.byteOffset <= changed.count)
            }
        }
    }

    @Test func depthIsBounded() throws {
        let limits = JSONParser.Limits(depth: 5, valueCount: 1000)
        _ = try parse("[[[[[1]]]]]", limits: limits).get()
        _ = try parse(#"{"a":[{"a":[{"a":1}]}]}"#, limits: limits).get()
        #expect(parse("[[[[[[", limits: limits) == .failure(JSONError(reason: .tooDeep(limit: 5), byteOffset: 5)))
        let siblings = "[" + Array(repeating: "[[[[]]]]", count: 20).joined(separator: ",") + "]"
        _ = try parse(siblings, limits: limits).get()
        // A million brackets end early instead of at the end of the stack.
        let deep = [UInt8](repeating: UInt8(ascii: "["), count: 1_000_000)
        #expect(parse(deep) == .failure(JSONError(reason: .tooDeep(limit: 64), byteOffset: 64)))
    }

    @Test func theNumberOfValuesIsBounded() throws {
        let limits = JSONParser.Limits(depth: 5, valueCount: 4)
        _ = try parse("[1,2,3]", limits: limits).get()
        _ = try parse(#"{"a":1,"b":[2]}"#, limits: limits).get()
        #expect(
            parse("[1,2,3,4]", limits: limits) == .failure(JSONError(reason: .tooManyValues(limit: 4), byteOffset: 7)))
    }

    @Test func keysThatOnlyLookAlikeAreTwo() throws {
        let object = try #require(try parse("{\"\u{C5}\":1,\"\u{212B}\":2,\"A\u{30A}\":3}").get().objectValue)
        #expect(object.count == 3)
        #expect(object["\u{C5}"] == .integer(1))
        #expect(object["\u{212B}"] == .integer(2))
        #expect(object["A\u{30A}"] == .integer(3))
    }

    @Test("an object of any size finds its keys", arguments: [0, 1, 7, 8, 9, 10, 16, 17, 33, 1000])
    func findsKeys(_ count: Int) throws {
        let text = "{" + (0..<count).map { "\"key\($0)\":\($0)" }.joined(separator: ",") + "}"
        var object = try #require(try parse(text).get().objectValue)
        #expect(object.count == count)
        #expect(object.keys == (0..<count).map { "key\($0)" })
        for index in 0..<count { #expect(object["key\(index)"] == .integer(Int64(index))) }
        #expect(object["key\(count)"] == nil && object["key"] == nil)
        // Setting replaces or appends.
        for index in 0..<count + 12 { object["key\(index)"] = .bool(true) }
        #expect(object.count == count + 12)
        #expect(object.values.allSatisfy { $0 == .bool(true) })
        object["key0"] = nil
        #expect(object.count == count + 12)
        // A key that is there twice is found at every size.
        guard count > 0 else { return }
        for index in Set([0, count / 2, count - 1]) {
            let twice = text.dropLast() + ",\"key\(index)\":0}"
            guard case .failure(let error) = parse(String(twice)) else {
                Issue.record("accepted key\(index) twice")
                continue
            }
            #expect(error.reason == .duplicateKey("key\(index)"))
        }
    }

    @Test func readsValuesByTheirKind() throws {
        let json = try parse(#"{"i":3,"f":20.0,"g":0.5,"s":"3","b":true,"n":null,"a":[1],"big":9223372036854775808}"#)
            .get()
        #expect(json["i"]?.integerValue == 3 && json["i"]?.doubleValue == 3)
        #expect(json["f"]?.integerValue == 20 && json["f"]?.typeName == "number")
        #expect(json["g"]?.integerValue == nil && json["g"]?.doubleValue == 0.5)
        #expect(json["s"]?.integerValue == nil && json["s"]?.doubleValue == nil && json["s"]?.stringValue == "3")
        #expect(json["b"]?.boolValue == true && json["b"]?.integerValue == nil)
        #expect(json["n"]?.isNull == true && json["i"]?.isNull == false)
        #expect(json["a"]?.arrayValue == [.integer(1)] && json["a"]?["x"] == nil)
        #expect(json["big"]?.integerValue == nil && json["big"]?.doubleValue == 9_223_372_036_854_775_808)
        #expect(json["missing"] == nil)
    }

    @Test(
        "time grows with the length, not faster",
        arguments: [
            "numbers", "strings", "escapes", "keys", "digits", "white space", "one string",
        ])
    func linearTime(_ kind: String) throws {
        func text(_ size: Int) -> [UInt8] {
            let text =
                switch kind {
                case "numbers": "[" + String(repeating: "1,", count: size / 2) + "1]"
                case "strings": "[" + String(repeating: "\"ab\",", count: size / 5) + "1]"
                case "escapes": "\"" + String(repeating: #"\u00e9"#, count: size / 6) + "\""
                case "keys": "{" + (0..<size / 10).map { "\"\($0)\":1," }.joined() + "\"\":1}"
                case "digits": String(repeating: "9", count: 300) + "." + String(repeating: "9", count: size)
                case "white space": String(repeating: " ", count: size) + "1"
                default: "\"" + String(repeating: "é", count: size / 2) + "\""
                }
            return Array(text.utf8)
        }
        let long = text(1 << 20)
        let start = ContinuousClock.now
        _ = try parse(long).get()
        // Quadratic time would be minutes; this leaves room for a busy machine.
        #expect(ContinuousClock.now - start < .seconds(3))
    }
}
