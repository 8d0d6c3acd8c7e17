// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import Prompting
import Service
import StrictJSON
import Testing

@Suite struct ExampleSetTests {
    /// A service with sets in memory, or in a folder, and one that comes with the program.
    private static func service(folder: String? = nil) throws -> TestService {
        let shipped = ExampleSetContent(
            examples: [ShotExample(input: "1", output: "one")], instruction: "Say it.", template: .named("arrow"))
        let library = ExampleLibrary(store: try ExampleDatabase(folder: folder), shipped: [("numbers", shipped)])
        return TestService(FakeEngine(models: [FakeEngine.model(contextLength: 256)])) { $0.library = library }
    }

    private static func put(
        _ service: TestService, _ id: String, _ body: String, type: String = "application/json", ifMatch: String? = nil
    ) throws -> Answer {
        var fields: HTTPFields = [.contentType: type]
        fields[.ifMatch] = ifMatch.map { "\"\($0)\"" }
        return try service.send(.put, "/v1/example-sets/\(id)", body, fields: fields)
    }

    private static let two = """
        {"description":"d","template":"qa","examples":[{"input":"a","output":"b","rationale":"r"},\
        {"input":"c","output":"b","label":"l"}]}
        """

    private static func folder() -> String {
        NSTemporaryDirectory() + "/temper-sets-\(UInt64.random(in: 0 ... .max))"
    }

    @Test func aSetIsMadeReadListedAndRemoved() throws {
        let service = try Self.service()
        let made = try Self.put(service, "s-1", Self.two)
        #expect(made.status == 201 && made.json["count"] == .integer(2) && made.json["examples"] == nil)
        let version = try #require(made.json["version"]?.stringValue)
        #expect(version.utf8.count == 64 && made.fields[.eTag] == "\"\(version)\"")
        #expect(
            try made.json["labels"] == parse("[{\"label\":\"b\",\"count\":1},{\"label\":\"l\",\"count\":1}]"))
        let read = try service.send(.get, "/v1/example-sets/s-1")
        #expect(read.status == 200 && read.json["version"] == .string(version) && read.json["shipped"] == .bool(false))
        #expect(try read.json["examples"] == parse(Self.two)["examples"])
        #expect(read.json["description"] == .string("d") && read.json["template"] == .string("qa"))
        let list = try service.send(.get, "/v1/example-sets").json["data"]?.arrayValue
        #expect(list?.map { $0["id"]?.stringValue } == ["numbers", "s-1"])
        #expect(list?.first?["shipped"] == .bool(true) && list?.last?["versions"] == .array([.string(version)]))
        #expect(try service.send(.delete, "/v1/example-sets/s-1").status == 204)
        for method in [HTTPRequest.Method.get, .delete] {
            let gone = try service.send(method, "/v1/example-sets/s-1")
            #expect(gone.status == 404 && gone.errorCode == "example_set_not_found")
        }
        #expect(try service.send(.delete, "/v1/example-sets/numbers").status == 400)
    }

    @Test func versionsAreKeptByTheirContents() throws {
        let service = try Self.service()
        func body(_ number: Int) -> String { "{\"examples\":[{\"input\":\"i\",\"output\":\"\(number)\"}]}" }
        var versions: [String] = []
        for number in 0..<40 {
            let answer = try Self.put(service, "s", body(number))
            #expect(answer.status == (number == 0 ? 201 : 200))
            versions.append(try #require(answer.json["version"]?.stringValue))
        }
        // The same contents have the same version, which becomes the newest again.
        #expect(try Self.put(service, "s", body(30)).json["version"] == .string(versions[30]))
        let kept = try service.send(.get, "/v1/example-sets/s").json["versions"]?.arrayValue?.compactMap(\.stringValue)
        var expected = versions
        expected.append(expected.remove(at: 30))
        #expect(kept == Array(expected.suffix(32).reversed()))
        let old = try service.send(.get, "/v1/example-sets/s?version=\(versions[20])")
        #expect(old.status == 200 && old.json["version"] == .string(versions[20]))
        #expect(try old.json["examples"] == parse(body(20))["examples"])
        let dropped = try service.send(.get, "/v1/example-sets/s?version=\(versions[0])")
        #expect(dropped.status == 404 && dropped.errorCode == "example_set_version_not_found")
    }

    @Test func anOldVersionCanBeUsed() throws {
        let service = try Self.service()
        let first = try #require(try Self.put(service, "s", Self.two).json["version"]?.stringValue)
        _ = try Self.put(service, "s", "{\"examples\":[]}")
        func shown(_ version: String) throws -> Answer {
            try service.send(
                .post, "/v1/prompts/assemble",
                "{\"prompt\":\"x\",\"shots\":{\"set\":\"s\"\(version.isEmpty ? "" : ",\"version\":\"\(version)\"")}}")
        }
        let assembled = try shown(first).json["assembled"]?.arrayValue?.first
        #expect(try assembled?["set"] == parse("{\"id\":\"s\",\"version\":\"\(first)\"}"))
        #expect(assembled?["examples"] == .array([.integer(0), .integer(1)]))
        #expect(try shown("").json["assembled"]?.arrayValue?.first?["text"] == .string("Q: x\nA:"))
        let missing = try shown(String(repeating: "0", count: 64))
        #expect(missing.status == 404 && missing.errorCode == "example_set_version_not_found")
        #expect(missing.param == "shots.set")
    }

    @Test func aSetBringsItsInstructionAndTemplate() throws {
        let service = try Self.service()
        func text(_ more: String) throws -> JSON? {
            let body = "{\"prompt\":\"2\",\"shots\":{\"set\":\"numbers\"\(more)}}"
            return try service.send(.post, "/v1/prompts/assemble", body).json["assembled"]?.arrayValue?.first?["text"]
        }
        #expect(try text("") == .string("Say it.\n1 -> one\n2 ->"))
        #expect(try text(",\"instruction\":\"\",\"template\":\"qa\"") == .string("Q: 1\nA: one\n\nQ: 2\nA:"))
    }

    @Test func changesAreAppliedToWhatTheClientSaw() throws {
        let service = try Self.service()
        func patch(_ body: String, ifMatch: String? = nil) throws -> Answer {
            var fields: HTTPFields = [.contentType: "application/json"]
            fields[.ifMatch] = ifMatch.map { "\"\($0)\"" }
            return try service.send(.patch, "/v1/example-sets/s", body, fields: fields)
        }
        #expect(try patch("{}").errorCode == "example_set_not_found")
        let first = try #require(try Self.put(service, "s", Self.two).json["version"]?.stringValue)
        let answer = try patch(
            "{\"remove\":[0],\"append\":[{\"input\":\"n\",\"output\":\"m\"}],\"instruction\":\"Do.\"}", ifMatch: first)
        #expect(answer.status == 200 && answer.json["count"] == .integer(2), "\(answer.text)")
        let read = try service.send(.get, "/v1/example-sets/s").json
        #expect(read["examples"]?.arrayValue?.compactMap { $0["input"]?.stringValue } == ["c", "n"])
        #expect(read["instruction"] == .string("Do.") && read["description"] == .string("d"))
        let stale = try patch("{\"remove\":[0]}", ifMatch: first)
        #expect(stale.status == 412 && stale.errorCode == "example_set_changed")
        #expect(try Self.put(service, "s", Self.two, ifMatch: first).status == 412)
        #expect(try patch("{\"remove\":[2]}").param == "remove[0]")
        #expect(try patch("{\"nope\":1,\"strict\":true}").errorCode == "unknown_field")
        #expect(try service.send(.get, "/v1/example-sets/s").json == read)
    }

    @Test func tablesAndLinesGoInAndOut() throws {
        let service = try Self.service()
        let table = "input,output,label\r\n\"a, \"\"b\"\"\",x,\r\n\"two\nlines\",y,l\r\n"
        #expect(try Self.put(service, "t", table, type: "text/csv; charset=utf-8").status == 201)
        #expect(try service.send(.get, "/v1/example-sets/t?format=csv").text == table)
        let lines = try service.send(.get, "/v1/example-sets/t?format=jsonl")
        #expect(lines.fields[.contentType] == "application/jsonl")
        #expect(
            lines.text == "{\"input\":\"a, \\\"b\\\"\",\"output\":\"x\"}\n"
                + "{\"input\":\"two\\nlines\",\"output\":\"y\",\"label\":\"l\"}\n")
        let again = try Self.put(service, "u", lines.text + "\n", type: "application/x-ndjson")
        let version = try service.send(.get, "/v1/example-sets/t").json["version"]
        #expect(again.status == 201 && again.json["version"] == version)
        #expect(try service.send(.get, "/v1/example-sets/t?format=xml").param == "format")
    }

    @Test(arguments: [
        ("text/csv", "input,output\na,b\nc\n", 3, 1), ("text/csv", "input,output\na,\"b\n", 2, 3),
        ("text/csv", "input,output\na,b\"\n", 2, 4), ("text/csv", "input,output\n\"a\"x,b\n", 2, 4),
        ("text/csv", "input,other\n", 1, 7), ("text/csv", "input,input\n", 1, 7), ("text/csv", "input\na\n", 1, 1),
        ("text/csv", "", 1, 1), ("text/csv", "input,output\r\na,b\rc,d", 2, 5),
        ("application/jsonl", "{\"input\":\"a\",\"output\":\"b\"}\n{\"input\":\"ä\",}\n", 2, 14),
        ("application/jsonl", "\n\n{\"input\":\"a\"}", 3, 1), ("application/jsonl", "[]", 1, 1),
    ])
    func malformedTextIsNamedByLineAndColumn(_ type: String, _ text: String, _ line: Int64, _ column: Int64) throws {
        let service = try Self.service()
        let answer = try Self.put(service, "s", text, type: type)
        #expect(answer.status == 400 && answer.errorCode == (type == "text/csv" ? "invalid_csv" : "invalid_jsonl"))
        #expect(answer.json["error"]?["line"] == .integer(line), "\(answer.text)")
        #expect(answer.json["error"]?["column"] == .integer(column), "\(answer.text)")
        #expect(try service.send(.get, "/v1/example-sets/s").status == 404)
    }

    @Test(arguments: [
        ("{\"examples\":[{\"input\":\"a\"}]}", "examples[0].output"), ("{}", "examples"),
        ("{\"examples\":[],\"template\":{\"example\":\"{input}\"}}", "template.example"),
        ("{\"examples\":[],\"template\":\"nope\"}", "template"), ("{\"examples\":1}", "examples"),
    ])
    func badBodiesAreRefused(_ body: String, _ param: String) throws {
        let answer = try Self.put(try Self.service(), "s", body)
        #expect(answer.status == 400 && answer.param == param, "\(answer.text)")
    }

    @Test(arguments: [
        (HTTPRequest.Method.put, "a b", 400), (.put, String(repeating: "a", count: 65), 400), (.get, "ä", 400),
        (.post, "s", 405), (.put, "..", 400),
    ])
    func badNamesAndMethodsAreRefused(_ method: HTTPRequest.Method, _ id: String, _ status: Int) throws {
        let answer = try Self.service().send(
            method, "/v1/example-sets/\(id)", "{\"examples\":[]}", fields: [.contentType: "application/json"])
        #expect(answer.status == status)
    }

    @Test func aBodyNeedsAMediaTypeThatIsTaken() throws {
        let service = try Self.service()
        #expect(try service.send(.put, "/v1/example-sets/s", "x", fields: [.contentType: "text/plain"]).status == 415)
        #expect(try service.send(.patch, "/v1/example-sets/s", "x", fields: [.contentType: "text/csv"]).status == 415)
    }

    @Test func aServiceWithoutSetsHasNoSuchRoutes() throws {
        #expect(try TestService().send(.get, "/v1/example-sets").status == 404)
    }

    @Test func setsInAFolderOutliveTheServer() throws {
        let folder = Self.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let made = try Self.put(try Self.service(folder: folder), "s", Self.two)
        #expect(made.status == 201)
        let again = try Self.service(folder: folder)
        let read = try again.send(.get, "/v1/example-sets/s").json
        #expect(read["version"] == made.json["version"])
        #expect(try read["examples"] == parse(Self.two)["examples"])
        #expect(try Self.put(again, "numbers", Self.two).status == 200)
        #expect(try again.send(.get, "/v1/example-sets/numbers").json["shipped"] == .bool(false))
        #expect(try again.send(.delete, "/v1/example-sets/numbers").status == 204)
        #expect(try again.send(.get, "/v1/example-sets/numbers").json["shipped"] == .bool(true))
    }

    @Test func aFolderThatCannotBeMadeIsToldAtOnce() {
        #expect(throws: ExampleStoreError.self) { try ExampleDatabase(folder: "/proc/none/sets") }
    }
}
