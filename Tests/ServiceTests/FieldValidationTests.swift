// SPDX-License-Identifier: Apache-2.0

import Service
import StrictJSON
import Testing

/// A field with one value, and what becomes of it.
private struct Case: Sendable, CustomTestStringConvertible {
    var field: String
    var value: String
    /// The `param` of the error; nil: accepted.
    var param: String?
    var code = "invalid_value"
    var endpoint = Endpoint.completions

    init(_ field: String, _ value: String) {
        self.field = field
        self.value = value
    }

    init(_ field: String, _ value: String, bad param: String, _ code: String = "invalid_value") {
        self.field = field
        self.value = value
        self.param = param
        self.code = code
    }

    func on(_ endpoint: Endpoint) -> Case {
        var copy = self
        copy.endpoint = endpoint
        return copy
    }

    var testDescription: String { "\(endpoint.rawValue) \(field) = \(value.prefix(60))" }
}

private let limits = ModelLimits(contextLength: 64, vocabularySize: 262)

private func error(of text: String, _ endpoint: Endpoint = .completions, isStrict: Bool = false) throws -> APIError? {
    let object = try #require(try parse(text).objectValue)
    var reading = FieldReading(limits: limits, isStrict: isStrict)
    do throws(APIError) {
        _ = try RequestSchema.read(object, for: endpoint, &reading)
        return nil
    } catch {
        return error
    }
}

private func warnings(of text: String, _ endpoint: Endpoint = .completions) throws -> [RequestWarning] {
    let object = try #require(try parse(text).objectValue)
    var reading = FieldReading(limits: limits)
    _ = try RequestSchema.read(object, for: endpoint, &reading)
    return reading.warnings
}

private func list(_ element: String, count: Int) -> String {
    "[\(Array(repeating: element, count: count).joined(separator: ","))]"
}

private func text(_ count: Int) -> String { "\"\(String(repeating: "x", count: count))\"" }

private let numberCases: [Case] = [
    Case("temperature", "0"), Case("temperature", "1e-30"), Case("temperature", "100"), Case("temperature", "null"),
    Case("temperature", "-1e-9", bad: "temperature"), Case("temperature", "100.001", bad: "temperature"),
    Case("temperature", "1e400", bad: "temperature"), Case("temperature", "\"1\"", bad: "temperature", "invalid_type"),
    Case("temperature", "true", bad: "temperature", "invalid_type"),
    Case("top_k", "-1"), Case("top_k", "0"), Case("top_k", "20.0"), Case("top_k", "2147483647"), Case("top_k", "null"),
    Case("top_k", "-2", bad: "top_k"), Case("top_k", "2147483648", bad: "top_k"), Case("top_k", "1e30", bad: "top_k"),
    Case("top_k", "1.5", bad: "top_k", "invalid_type"), Case("top_k", "\"5\"", bad: "top_k", "invalid_type"),
    Case("top_p", "1"), Case("top_p", "1e-6"), Case("top_p", "null"),
    Case("top_p", "0", bad: "top_p"), Case("top_p", "1.0001", bad: "top_p"), Case("top_p", "-0.1", bad: "top_p"),
    // So small that it is zero as a Float.
    Case("top_p", "1e-60", bad: "top_p"), Case("top_p", "[]", bad: "top_p", "invalid_type"),
    Case("min_p", "0"), Case("min_p", "1"), Case("min_p", "-0.01", bad: "min_p"), Case("min_p", "1.01", bad: "min_p"),
    Case("min_p", "{}", bad: "min_p", "invalid_type"),
    Case("frequency_penalty", "-2"), Case("frequency_penalty", "2"),
    Case("frequency_penalty", "-2.1", bad: "frequency_penalty"),
    Case("frequency_penalty", "2.1", bad: "frequency_penalty"),
    Case("presence_penalty", "-2"), Case("presence_penalty", "2"),
    Case("presence_penalty", "1e30", bad: "presence_penalty"),
    Case("presence_penalty", "-1e30", bad: "presence_penalty"),
    Case("repetition_penalty", "0.01"), Case("repetition_penalty", "100"), Case("repeat_penalty", "1.1"),
    Case("repetition_penalty", "0", bad: "repetition_penalty"),
    Case("repetition_penalty", "0.009", bad: "repetition_penalty"),
    Case("repetition_penalty", "100.1", bad: "repetition_penalty"),
    Case("repeat_penalty", "0", bad: "repeat_penalty"),
    Case("seed", "0"), Case("seed", "-1"), Case("seed", "9223372036854775807"), Case("seed", "-9223372036854775808"),
    Case("seed", "9007199254740991.0"), Case("seed", "-9.007199254740991e15"),
    Case("seed", "9007199254740993.0", bad: "seed"), Case("seed", "1e18", bad: "seed"),
    Case("seed", "1.0"), Case("seed", "null"), Case("seed", "9223372036854775808", bad: "seed"),
    Case("seed", "1.5", bad: "seed", "invalid_type"), Case("seed", "\"1\"", bad: "seed", "invalid_type"),
    Case("n", "1"), Case("n", "64"), Case("n", "0", bad: "n"), Case("n", "65", bad: "n"),
    Case("n_cmpl", "65", bad: "n_cmpl"), Case("n", "1.5", bad: "n", "invalid_type"),
    Case("max_time", "0.001"), Case("max_time", "86400"), Case("max_time", "0", bad: "max_time"),
    Case("max_time", "86401", bad: "max_time"),
]

private let lengthCases: [Case] = [
    Case("max_tokens", "0"), Case("max_tokens", "64"), Case("max_tokens", "null"), Case("n_predict", "3"),
    Case("max_tokens", "-1", bad: "max_tokens"), Case("max_tokens", "65", bad: "max_tokens"),
    Case("max_tokens", "1000000000", bad: "max_tokens"),
    Case("max_completion_tokens", "65", bad: "max_completion_tokens"),
    Case("max_tokens", "1.5", bad: "max_tokens", "invalid_type"),
    Case("max_tokens", "65", bad: "max_tokens").on(.chat), Case("max_completion_tokens", "64").on(.chat),
    Case("truncate_prompt_tokens", "-1"), Case("truncate_prompt_tokens", "1"), Case("truncate", "10"),
    Case("truncate_prompt_tokens", "0", bad: "truncate_prompt_tokens"),
    Case("truncate_prompt_tokens", "-2", bad: "truncate_prompt_tokens"),
    Case("logprobs", "0"), Case("logprobs", "20"), Case("logprobs", "21", bad: "logprobs"),
    Case("logprobs", "-1", bad: "logprobs"), Case("logprobs", "true", bad: "logprobs", "invalid_type"),
    Case("logprobs", "true").on(.chat), Case("logprobs", "1", bad: "logprobs", "invalid_type").on(.chat),
    Case("top_logprobs", "20").on(.chat), Case("top_logprobs", "21", bad: "top_logprobs").on(.chat),
    Case("top_logprobs", "-1", bad: "top_logprobs").on(.chat),
]

private let listCases: [Case] = [
    Case("stop", "\"a\""), Case("stop", "[]"), Case("stop", list(text(1024), count: 64)), Case("stop", "null"),
    Case("stop", "\"\"", bad: "stop"), Case("stop", "[\"a\",\"\"]", bad: "stop[1]"),
    Case("stop", text(1025), bad: "stop"), Case("stop", list("\"a\"", count: 65), bad: "stop"),
    Case("stop", "[1]", bad: "stop[0]", "invalid_type"), Case("stop", "1", bad: "stop", "invalid_type"),
    Case("stop_token_ids", "[0,261]"), Case("stop_token_ids", "[262]", bad: "stop_token_ids[0]"),
    Case("stop_token_ids", "[-1]", bad: "stop_token_ids[0]"),
    Case("stop_token_ids", list("1", count: 65), bad: "stop_token_ids"),
    Case("logit_bias", "{}"), Case("logit_bias", "{\"0\":-100,\"261\":100}"),
    Case("logit_bias", "{\"262\":1}", bad: "logit_bias.262"), Case("logit_bias", "{\"-1\":1}", bad: "logit_bias.-1"),
    Case("logit_bias", "{\"2147483648\":1}", bad: "logit_bias.2147483648"),
    Case("logit_bias", "{\"9223372036854775808\":1}", bad: "logit_bias.9223372036854775808"),
    Case("logit_bias", "{\"01\":1}", bad: "logit_bias.01"), Case("logit_bias", "{\"a\":1}", bad: "logit_bias.a"),
    Case("logit_bias", "{\"1\":100.5}", bad: "logit_bias.1"),
    Case("logit_bias", "{\"1\":\"x\"}", bad: "logit_bias.1", "invalid_type"),
    Case("logit_bias", "[]", bad: "logit_bias", "invalid_type"),
    Case("return", "[\"effective_settings\",\"assembled\",\"token_ids\",\"receipt\"]"),
    Case("return", "[\"invoice\"]", bad: "return[0]"), Case("return", "\"assembled\"", bad: "return", "invalid_type"),
    Case("stream_options", "{\"include_usage\":true,\"continuous_usage_stats\":true}"), Case("stream_options", "{}"),
    Case("stream_options", "{\"continuous_usage_stats\":true}", bad: "stream_options.continuous_usage_stats"),
    Case("stream_options", "{\"include_usage\":1}", bad: "stream_options.include_usage", "invalid_type"),
    Case("echo", "1", bad: "echo", "invalid_type"), Case("stream", "\"yes\"", bad: "stream", "invalid_type"),
    Case("model", "\"\"", bad: "model"), Case("model", "5", bad: "model", "invalid_type"),
]

private let promptCases: [Case] = [
    Case("prompt", "\"\""), Case("prompt", "\"a\""), Case("prompt", "[\"a\",\"b\"]"), Case("prompt", "[1,2]"),
    Case("prompt", "[[1,2],[3]]"), Case("prompt", "[[1,\"x\"],\"y\"]"), Case("prompt", "[1,\"x\",2.0]"),
    Case("prompt", list("\"a\"", count: 128)), Case("prompt", list("\"a\"", count: 129), bad: "prompt"),
    Case("prompt", "[]", bad: "prompt"), Case("prompt", "[[1],[]]", bad: "prompt[1]"),
    Case("prompt", "[262]", bad: "prompt[0]"), Case("prompt", "[0,-1]", bad: "prompt[1]"),
    Case("prompt", "[[0],[1,2147483648]]", bad: "prompt[1][1]"), Case("prompt", "[1e300]", bad: "prompt[0]"),
    Case("prompt", "[[1.5]]", bad: "prompt[0][0]", "invalid_type"), Case("prompt", "5", bad: "prompt", "invalid_type"),
    Case("prompt", "[null]", bad: "prompt[0]", "invalid_type"),
    Case("prompt", "[[[1]]]", bad: "prompt[0][0]", "invalid_type"),
    Case("prompt", "{}", bad: "prompt", "invalid_type"),
    Case("examples", "[{\"input\":\"a\",\"output\":\"b\"}]"), Case("examples", "[]"),
    Case("examples", "[{\"input\":\"a\"}]", bad: "examples[0].output", "missing_required_parameter"),
    Case("examples", "[{\"input\":1,\"output\":\"b\"}]", bad: "examples[0].input", "invalid_type"),
    Case("examples", "[1]", bad: "examples[0]", "invalid_type"),
    Case("examples", list("{\"input\":\"a\",\"output\":\"b\"}", count: 1025), bad: "examples"),
    Case("template", "\"qa\""), Case("template", "{\"example\":\"{input} {output}\"}"),
    Case("template", "{}", bad: "template.example", "missing_required_parameter"),
    Case("template", "1", bad: "template", "invalid_type"),
    Case("template", "\"qa\"", bad: "template", "unsupported_field").on(.chat),
    Case("instruction", "\"\"", bad: "instruction"),
]

private let messageCases: [Case] = [
    Case("messages", "[{\"role\":\"user\",\"content\":\"x\"}]"),
    Case("messages", "[{\"role\":\"developer\",\"content\":[{\"type\":\"text\",\"text\":\"x\"}]}]"),
    Case("messages", "[]", bad: "messages"), Case("messages", "\"x\"", bad: "messages", "invalid_type"),
    Case("messages", "[1]", bad: "messages[0]", "invalid_type"),
    Case("messages", "[{\"content\":\"x\"}]", bad: "messages[0].role", "missing_required_parameter"),
    Case("messages", "[{\"role\":\"user\"}]", bad: "messages[0].content", "missing_required_parameter"),
    Case(
        "messages", "[{\"role\":\"user\",\"content\":null}]", bad: "messages[0].content", "missing_required_parameter"),
    Case(
        "messages", "[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"tool\",\"content\":\"x\"}]",
        bad: "messages[1].role", "unsupported_field"),
    Case("messages", "[{\"role\":\"robot\",\"content\":\"x\"}]", bad: "messages[0].role"),
    Case(
        "messages", "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"image_url\"}]}]",
        bad: "messages[0].content[1].type", "unsupported_field"),
    Case(
        "messages", "[{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}]", bad: "messages[0].content[0].text",
        "missing_required_parameter"),
    Case(
        "messages", "[{\"role\":\"assistant\",\"content\":\"x\",\"tool_calls\":[{}]}]",
        bad: "messages[0].tool_calls", "unsupported_field"),
].map { $0.on(.chat) }

private let foreignCases: [Case] = [
    Case("best_of", "1"), Case("best_of", "1.0"), Case("best_of", "null"), Case("suffix", "\"\""), Case("tools", "[]"),
    Case("response_format", "{\"type\":\"text\"}"), Case("encoder_repetition_penalty", "1"), Case("min_keep", "0"),
    Case("modalities", "[\"text\"]"), Case("user", "\"me\""), Case("top_logprobs", "0"), Case("messages", "null"),
    Case("ebnf", "\"x\"", bad: "ebnf", "unsupported_field"),
    Case("suffix", "\"x\"", bad: "suffix", "unsupported_field"),
    Case("tools", "[{}]", bad: "tools", "unsupported_field"),
    Case("structured_outputs", "{\"regex\":\"a\"}", bad: "structured_outputs", "unsupported_field"),
    Case("encoder_repetition_penalty", "0.9", bad: "encoder_repetition_penalty", "unsupported_field"),
    Case("sampler_order", "[6,0]", bad: "sampler_order", "unsupported_field"),
    Case("functions", "[{}]", bad: "functions", "unsupported_field"),
    Case("top_logprobs", "2", bad: "top_logprobs", "unsupported_field"),
    Case("echo", "true", bad: "echo", "unsupported_field").on(.chat), Case("echo", "false").on(.chat),
    Case("prompt", "\"x\"", bad: "prompt", "unsupported_field").on(.chat),
]

private let constraintCases: [Case] = [
    Case("choice", "[\"a\",\"b\"]"), Case("guided_choice", "[\"a\"]"), Case("choice", "[]", bad: "choice"),
    Case("choice", "[\"\"]", bad: "choice[0]"), Case("choice", "[1]", bad: "choice[0]", "invalid_type"),
    Case("choice", "\"a\"", bad: "choice", "invalid_type"),
    Case("choice", list("\"a\"", count: 1024)), Case("choice", list("\"a\"", count: 1025), bad: "choice"),
    Case("regex", "\"a+\""), Case("regex", "\"\"", bad: "regex"), Case("regex", "1", bad: "regex", "invalid_type"),
    Case("json_object", "true"), Case("json_object", "false"),
    Case("json_object", "1", bad: "json_object", "invalid_type"),
    Case("json_schema", "{\"type\":\"null\"}"), Case("json_schema", "true"),
    Case("json_schema", "\"{}\"", bad: "json_schema", "invalid_type"),
    Case("grammar", "\"root ::= [a-z]\""), Case("grammar", "\"\""),
    Case("grammar", "[]", bad: "grammar", "invalid_type"),
    Case("response_format", "{\"type\":\"json_object\"}"), Case("response_format", "null"),
    Case(
        "response_format", "{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"strict\":true,\"schema\":{}}}"),
    Case("response_format", "{}", bad: "response_format.type", "missing_required_parameter"),
    Case("response_format", "{\"type\":\"xml\"}", bad: "response_format.type"),
    Case("response_format", "\"text\"", bad: "response_format", "invalid_type"),
    Case(
        "response_format", "{\"type\":\"json_schema\"}", bad: "response_format.json_schema",
        "missing_required_parameter"),
    Case(
        "response_format", "{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\"}}",
        bad: "response_format.json_schema.schema", "missing_required_parameter"),
    Case("response_format", "{\"type\":\"text\",\"json_schema\":{\"schema\":{}}}", bad: "response_format.json_schema"),
]

@Suite struct FieldValidationTests {
    @Test(
        arguments: [constraintCases, numberCases, lengthCases, listCases, promptCases, messageCases, foreignCases]
            .flatMap { $0 })
    private func valueIsAcceptedOrRefusedByName(_ item: Case) throws {
        // JSON itself has no number this large; the parser refuses it before any field is read.
        if item.value == "1e400" {
            #expect(throws: JSONError.self) { try parse("{\"\(item.field)\":\(item.value)}") }
            return
        }
        let found = try error(of: "{\"\(item.field)\":\(item.value)}", item.endpoint)
        #expect(found?.param == item.param, "\(String(describing: found?.message))")
        if item.param != nil {
            #expect(found?.code == item.code, "\(String(describing: found?.message))")
            #expect(found?.status == 400)
        }
    }

    @Test func logitBiasTakes4096MembersAndNotOneMore() throws {
        let big = ModelLimits(contextLength: 64, vocabularySize: 10_000)
        for (count, isGood) in [(4096, true), (4097, false)] {
            let members = (0..<count).map { "\"\($0)\":1" }.joined(separator: ",")
            let object = try #require(try parse("{\"logit_bias\":{\(members)}}").objectValue)
            var reading = FieldReading(limits: big)
            let result = Result { () throws(APIError) in
                try RequestSchema.read(object, for: .completions, &reading)
            }
            switch result {
            case .success: #expect(isGood)
            case .failure(let error): #expect(!isGood && error.param == "logit_bias")
            }
        }
    }

    @Test(arguments: [
        ("{\"max_tokens\":5,\"n_predict\":6}", "n_predict"),
        ("{\"n_predict\":5,\"max_tokens\":6}", "max_tokens"),
        ("{\"repetition_penalty\":1.1,\"repeat_penalty\":1.2}", "repeat_penalty"),
        ("{\"n\":1,\"n_cmpl\":2}", "n_cmpl"),
    ])
    func aliasesThatDifferAreRefused(_ body: String, _ param: String) throws {
        let found = try error(of: body)
        #expect(found?.code == "conflicting_fields")
        #expect(found?.param == param)
    }

    @Test(arguments: ["{\"max_tokens\":5,\"n_predict\":5.0}", "{\"max_tokens\":null,\"n_predict\":6}"])
    func aliasesThatAgreeAreAccepted(_ body: String) throws {
        #expect(try error(of: body) == nil)
    }

    @Test func unknownFieldIsAWarningAndAnErrorWhereStrict() throws {
        #expect(
            try warnings(of: "{\"tempratur\":1}") == [
                RequestWarning(code: "unknown_field", param: "tempratur", message: "no such field; it has no effect")
            ])
        let nested = try warnings(of: "{\"stream_options\":{\"x\":1}}")
        #expect(nested.map(\.param) == ["stream_options.x"])
        #expect(try error(of: "{\"tempratur\":1}", isStrict: true)?.code == "unknown_field")
        #expect(try error(of: "{\"stream_options\":{\"x\":1}}", isStrict: true)?.param == "stream_options.x")
    }

    @Test func fieldsWithoutEffectAreNamed() throws {
        let found = try warnings(of: "{\"user\":\"u\",\"metadata\":{},\"store\":true,\"service_tier\":null}")
        #expect(found.map(\.param) == ["user", "metadata", "store"])
        #expect(found.allSatisfy { $0.code == "no_effect" })
    }

    @Test func errorSaysWhatIsAllowed() throws {
        let found = try #require(try error(of: "{\"top_p\":2}"))
        #expect(
            try JSONParser.parse(found.body)
                == parse(
                    """
                    {"error":{"message":"top_p: expected above 0 and at most 1, found 2","type":"invalid_request_error",\
                    "param":"top_p","code":"invalid_value","allowed":{"min":0,"exclusive_min":true,"max":1}}}
                    """))
    }

    @Test func everyNumericFieldIsRefusedJustOutsideItsPublishedRange() throws {
        for endpoint in Endpoint.allCases {
            for declaration in RequestSchema.declarations(of: endpoint)
            where declaration.type == "number" || declaration.type == "integer" {
                let allowed = try #require(declaration.allowed, "\(declaration.name) publishes no range")
                if let min = allowed.min {
                    let below = allowed.excludesMin ? min : min - 1
                    #expect(
                        try error(of: "{\"\(declaration.name)\":\(below)}", endpoint)?.param == declaration.name)
                }
                if let max = allowed.max {
                    #expect(
                        try error(of: "{\"\(declaration.name)\":\(max + 1)}", endpoint)?.param == declaration.name)
                    let atMax = try error(of: "{\"\(declaration.name)\":\(max)}", endpoint)
                    #expect((atMax == nil) != allowed.excludesMax, "\(declaration.name)")
                }
            }
        }
    }

    @Test func noNameMeansTwoFieldsOnOneRoute() {
        for endpoint in Endpoint.allCases {
            let names = RequestSchema.declarations(of: endpoint).flatMap { [$0.name] + $0.aliases }
            #expect(Set(names).count == names.count, "\(endpoint.rawValue)")
        }
    }
}
