// SPDX-License-Identifier: Apache-2.0

import Decoding
import Engine
import HTTPTypes
import Service
import StrictJSON
import Testing

@Suite("Constraints of a request")
struct ConstraintPlanTests {
    static let equal: [(String, String)] = [
        ("\"json_object\":true", "\"response_format\":{\"type\":\"json_object\"}"),
        (
            "\"json_schema\":{\"type\":\"null\"}",
            "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"schema\":{\"type\":\"null\"}}}"
        ),
        ("\"regex\":\"a+\"", "\"guided_regex\":\"a+\""),
    ]

    @Test("are the same under their other names, and made once", arguments: equal)
    func names(_ first: String, _ second: String) throws {
        let service = TestService()
        for field in [first, second] {
            let answer = try service.complete("{\"prompt\":\"a\",\(field)}")
            #expect(answer.status == 200, "\(answer.text)")
        }
        let constraints = service.engine.submissions.map { $0.requests[0].sampling.constraint?.constraint }
        #expect(constraints[0] != nil && constraints[0] === constraints[1])
    }

    @Test(
        "are none where text is asked for", arguments: ["\"response_format\":{\"type\":\"text\"}", "\"grammar\":\"\""])
    func none(_ field: String) throws {
        let service = TestService()
        #expect(try service.complete("{\"prompt\":\"a\",\(field)}").status == 200)
        #expect(service.engine.submissions[0].requests[0].sampling.constraint == nil)
    }

    @Test("let the text end by the vocabulary's ends and those of the request")
    func ends() throws {
        let service = TestService()
        #expect(try service.complete("{\"prompt\":\"a\",\"regex\":\"a*\",\"stop_token_ids\":[98]}").status == 200)
        let constraint = service.engine.submissions[0].requests[0].sampling.constraint
        #expect(constraint?.endIDs == [FakeTokenizer.eos, FakeTokenizer.end, 98])
    }

    static let faults: [(String, String, String)] = [
        ("\"regex\":\"(\"", "regex", "nothing closes"),
        ("\"grammar\":\"root ::= x\"", "grammar", "the rule x is not defined"),
        ("\"json_schema\":{\"properties\":{\"a\":{\"not\":{}}}}", "json_schema.properties.a.not", "not"),
        (
            "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"schema\":{\"items\":{\"type\":\"x\"}}}}",
            "response_format.json_schema.schema.items.type", "a type"
        ),
        ("\"json_schema\":false", "json_schema", "no text satisfies it"),
        ("\"regex\":\"a\",\"json_object\":true", "json_object", "contradict"),
        ("\"regex\":\"a\",\"ignore_eos\":true", "regex", "contradict"),
        ("\"choice\":[\"a\"],\"response_format\":{\"type\":\"json_object\"}", "response_format", "contradict"),
    ]

    @Test("that cannot be are answered 400 at their place", arguments: faults)
    func refuses(_ field: String, _ param: String, _ reason: String) throws {
        let answer = try TestService().complete("{\"prompt\":\"a\",\(field)}")
        #expect(answer.status == 400)
        #expect(answer.json["error"]?["param"] == .string(param))
        #expect(answer.json["error"]?["message"]?.stringValue?.contains(reason) == true, "\(answer.text)")
    }

    @Test("have their limits in the capabilities")
    func capabilities() throws {
        let json = try TestService().send(.get, "/v1/capabilities").json
        #expect(json["constraints"]?["limits"]?["states"]?.integerValue == 32_768)
        #expect(json["constraints"]?["schema_keywords"]?.arrayValue?.contains(.string("minLength")) == true)
        #expect(json["constraints"]?["schema_formats"]?.arrayValue?.contains(.string("uuid")) == true)
    }
}
