// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Service
import StrictJSON
import Testing

@Suite("The route that finds watermarks")
struct WatermarkRouteTests {
    private func detect(_ body: String) throws -> Answer {
        try TestService().send(.post, "/v1/watermark/detect", body)
    }

    @Test("says the same of a text and of its ids, and leaves a start token out")
    func forms() throws {
        let text = try detect("{\"text\":\"some words\"}")
        #expect(text.status == 200, "\(text.text)")
        let service = TestService()
        let tokens = try service.send(
            .post, "/tokenize", "{\"content\":\"some words\",\"add_special_tokens\":false}"
        ).json["tokens"]
        let ids = try #require(tokens?.arrayValue).compactMap { $0.integerValue.map(String.init) }
        #expect(try detect("{\"tokens\":[\(ids.joined(separator: ","))]}").json == text.json)
        #expect(text.json["num_tokens_scored"]?.integerValue == Int64(ids.count - 1))
        let p = try #require(text.json["p_value"]?.doubleValue)
        #expect(text.json["confidence"]?.doubleValue == 1 - p && (0...1).contains(p))
        #expect(text.json["prediction"] == .bool(false))
    }

    @Test("counts with the key and the share that it is told")
    func settings() throws {
        let ids = (0..<200).map { String(10 + $0 * 37 % 200) }.joined(separator: ",")
        let one = try detect("{\"tokens\":[\(ids)],\"watermark\":{\"hashing_key\":1}}").json
        let half = try detect("{\"tokens\":[\(ids)],\"watermark\":{\"hashing_key\":1,\"greenlist_ratio\":0.9}}").json
        let green = try #require(one["green_fraction"]?.doubleValue)
        #expect((0.05...0.45).contains(green))
        #expect((half["green_fraction"]?.doubleValue ?? 0) > 0.75)
        let once = try detect("{\"tokens\":[5,6,5,6,5,6],\"ignore_repeated_ngrams\":true}").json
        #expect(once["num_tokens_scored"]?.integerValue == 2)
    }

    @Test(
        "refuses what it cannot look at",
        arguments: [
            ("{}", "text"), ("{\"text\":\"a b\",\"tokens\":[5,6]}", "text"), ("{\"tokens\":[5]}", "tokens"),
            ("{\"tokens\":[5,100000]}", "tokens[1]"), ("{\"text\":\"\"}", "text"), ("{\"text\":1}", "text"),
            ("{\"tokens\":[5,6],\"z_threshold\":-1}", "z_threshold"),
            ("{\"tokens\":[5,6],\"watermark\":{\"greenlist_ratio\":1}}", "watermark.greenlist_ratio"),
            ("{\"tokens\":[5,6],\"temperature\":0.5}", "temperature"),
        ])
    func refuses(_ body: String, _ param: String) throws {
        let answer = try detect(body)
        #expect(answer.status == 400 && answer.param == param, "\(answer.text)")
    }
}
