import StrictJSON
import Testing
@Test func parses() throws { #expect(try JSONParser.parse("[1,2.5,\"a\\u00e9\"]".utf8) == .array([.integer(1), .number(2.5), .string("aé")])) }
