// SPDX-License-Identifier: Apache-2.0

import Engine
import HTTPTypes
import Service
import StrictJSON
import Testing

@Suite struct CapabilitiesTests {
    @Test func capabilitiesEqualTheSchema() throws {
        let json = try TestService().send(.get, "/v1/capabilities").json
        let routes = try #require(json["routes"]?.arrayValue)
        #expect(routes.compactMap { $0["path"]?.stringValue } == Endpoint.allCases.map(\.path))
        #expect(routes.compactMap { $0["method"]?.stringValue } == Endpoint.allCases.map(\.method))
        for (endpoint, route) in zip(Endpoint.allCases, routes) {
            let fields = try #require(route["fields"]?.arrayValue)
            let declarations = RequestSchema.declarations(of: endpoint)
            #expect(fields.count == declarations.count)
            for (field, declaration) in zip(fields, declarations) {
                #expect(field["name"] == .string(declaration.name))
                #expect(field["aliases"] == .array(declaration.aliases.map { .string($0) }))
                #expect(field["type"] == .string(declaration.type))
                #expect(field["meaning"] == .string(declaration.meaning))
                #expect(field["allowed"]?["min"]?.doubleValue == declaration.allowed?.min)
                #expect(field["allowed"]?["max"]?.doubleValue == declaration.allowed?.max)
                #expect(
                    (field["allowed"]?["exclusive_min"] == .bool(true)) == (declaration.allowed?.excludesMin == true))
                #expect(field["allowed"]?["values"]?.arrayValue == declaration.allowed?.values)
                #expect(field["fields"]?.arrayValue?.count ?? 0 == declaration.members.count)
            }
        }
    }

    @Test func publishedDefaultIsAcceptedByItsOwnField() throws {
        let limits = ModelLimits(contextLength: 64, vocabularySize: 262)
        for endpoint in Endpoint.allCases {
            for declaration in RequestSchema.declarations(of: endpoint) {
                guard let text = declaration.defaultText else { continue }
                let object = try #require(try parse("{\"\(declaration.name)\":\(text)}").objectValue)
                var reading = FieldReading(limits: limits, isStrict: true)
                _ = try RequestSchema.read(object, for: endpoint, &reading)
            }
        }
    }

    @Test func effectiveSettingsUseNamesOfTheSchemaAndCanBeSentBack() throws {
        let service = TestService()
        let answer = try service.complete("{\"prompt\":\"a\",\"return\":[\"effective_settings\"]}")
        var settings = try #require(answer.json["effective_settings"]?.objectValue)
        let names = Set(RequestSchema.declarations(of: .completions).map(\.name))
        #expect(settings.keys.allSatisfy { names.contains($0) })
        settings["prompt"] = .string("a")
        settings["strict"] = .bool(true)
        var writer = JSONWriter()
        writer.value(.object(settings))
        let again = try service.complete(String(decoding: writer.bytes, as: UTF8.self))
        #expect(again.status == 200, "\(again.text)")
        #expect(
            service.engine.submissions[0].requests[0].sampling == service.engine.submissions[1].requests[0].sampling)
    }
}
