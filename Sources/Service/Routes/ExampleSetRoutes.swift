// SPDX-License-Identifier: Apache-2.0

import HTTPServing
import HTTPTypes
import StrictJSON

/// `/v1/example-sets` and `/v1/example-sets/{id}`.
enum ExampleSetRoutes {
    /// How a body or an answer is written.
    private enum Format: String {
        case json
        case jsonl
        case csv

        /// The format of a media type, without its parameters.
        init?(mediaType: String) {
            switch mediaType {
            case "application/json": self = .json
            case "application/jsonl", "application/x-ndjson", "application/x-jsonlines": self = .jsonl
            case "text/csv": self = .csv
            default: return nil
            }
        }

        var mediaType: String {
            switch self {
            case .json: "application/json"
            case .jsonl: "application/jsonl"
            case .csv: "text/csv; charset=utf-8"
            }
        }
    }

    /// Refuses a body that is in no format that the method takes.
    static func checkMediaType(_ request: HTTPServerRequest) throws(APIError) {
        switch request.head.method {
        case .put: _ = try format(request)
        case .patch:
            guard try format(request) == .json else {
                throw .unsupportedMediaType(request.head.headerFields[.contentType], expected: "application/json")
            }
        default: break
        }
    }

    private static func format(_ request: HTTPServerRequest) throws(APIError) -> Format {
        let found = request.head.headerFields[.contentType]
        let mediaType = found?.split(separator: ";").first?.filter { $0 != " " && $0 != "\t" }.lowercased()
        guard let format = mediaType.flatMap({ Format(mediaType: $0) }) else {
            throw .unsupportedMediaType(found, expected: "application/json, application/jsonl or text/csv")
        }
        return format
    }

    /// The answer to a request whose method the route has.
    static func answer(
        _ route: Route, _ request: HTTPServerRequest, _ library: ExampleLibrary, pins: ExamplePins
    ) throws(APIError) -> HTTPAnswer {
        guard case .exampleSet(let id) = route else {
            var writer = JSONWriter()
            var list = JSONWriter()
            try library.writeList(pins: pins, to: &list)
            writer.object { object in
                object.member("object", "list")
                object.key("data")
                object.raw(list.bytes)
            }
            return (JSONAnswer.head(.ok), writer.bytes)
        }
        guard ExampleSetFields.isID(id) else {
            throw .invalidValue(
                param: "id", reason: "expected 1 to 64 of A-Z a-z 0-9 . _ -, found \(JSONText.of(.string(id)))")
        }
        switch request.head.method {
        case .put: return try put(id, request, library, pins)
        case .patch: return try patch(id, request, library, pins)
        case .delete:
            try library.remove(id, expected: try expectedVersion(request))
            pins.release(id)
            return (HTTPResponse(status: .noContent), [])
        default: return try get(id, request, library, pins)
        }
    }

    // MARK: Reading

    private static func get(
        _ id: String, _ request: HTTPServerRequest, _ library: ExampleLibrary, _ pins: ExamplePins
    ) throws(APIError) -> HTTPAnswer {
        var version: String?
        var format = Format.json
        for item in (request.query ?? "").split(separator: "&") {
            let parts = item.split(separator: "=", maxSplits: 1).map(String.init)
            let value = parts.count == 2 ? parts[1] : ""
            switch parts[0] {
            case "version": version = value
            case "format":
                guard let found = Format(rawValue: value) else {
                    throw .notAllowed(
                        param: "format", found: JSONText.of(.string(value)),
                        allowed: Allowed(values: [.string("json"), .string("jsonl"), .string("csv")]))
                }
                format = found
            default: throw .unknownField(param: String(parts[0].prefix(64)))
            }
        }
        let set = try library.set(id, version: version, param: nil)
        var head = JSONAnswer.head(.ok)
        head.headerFields[.contentType] = format.mediaType
        head.headerFields[.eTag] = "\"\(set.version)\""
        switch format {
        case .json: return (head, try body(id, set, library, pins, warnings: []))
        case .jsonl: return (head, ExampleTransfer.lines(set.content.examples))
        case .csv: return (head, ExampleTransfer.table(set.content.examples))
        }
    }

    /// The JSON of a set, with the examples if `set` is given: those of its version.
    private static func body(
        _ id: String, _ set: ExampleLibrary.Loaded?, _ library: ExampleLibrary, _ pins: ExamplePins,
        warnings: [RequestWarning]
    ) throws(APIError) -> [UInt8] {
        var head = JSONWriter()
        try library.writeHead(id, version: set?.version, pins: pins, to: &head)
        var writer = JSONWriter()
        writer.object { object in
            object.raw(head.bytes)
            set?.content.writeExamples(to: &object)
            guard !warnings.isEmpty else { return }
            object.member("warnings", array: { array in for warning in warnings { warning.write(to: &array) } })
        }
        return writer.bytes
    }

    // MARK: Writing

    private static func put(
        _ id: String, _ request: HTTPServerRequest, _ library: ExampleLibrary, _ pins: ExamplePins
    ) throws(APIError) -> HTTPAnswer {
        var reading = FieldReading(limits: nil)
        let content: ExampleSetContent
        var warnings: [RequestWarning] = []
        switch try format(request) {
        case .json:
            content = try ExampleSetFields.read(try object(request, &reading), &reading)
            warnings = reading.warnings
        case .jsonl:
            let (examples, found) = try ExampleTransfer.readLines(request.body)
            content = ExampleSetContent(examples: examples)
            warnings = found
        case .csv: content = ExampleSetContent(examples: try ExampleTransfer.readTable(request.body))
        }
        return try store(id, content, request, library, pins, warnings)
    }

    private static func patch(
        _ id: String, _ request: HTTPServerRequest, _ library: ExampleLibrary, _ pins: ExamplePins
    ) throws(APIError) -> HTTPAnswer {
        var reading = FieldReading(limits: nil)
        let object = try object(request, &reading)
        let set = try library.set(id, param: nil)
        if let expected = try expectedVersion(request), expected != set.version {
            throw .exampleSetChanged(found: set.version)
        }
        let content = try ExampleSetFields.patch(set.content, object, &reading)
        // What another request changes meanwhile is not overwritten.
        return try store(id, content, request, library, pins, reading.warnings, expected: set.version)
    }

    private static func object(
        _ request: HTTPServerRequest, _ reading: inout FieldReading
    ) throws(APIError) -> JSONObject {
        let json: JSON
        do throws(JSONError) {
            json = try JSONParser.parse(request.body)
        } catch {
            throw .invalidJSON(error)
        }
        let object = try Read.object(json, "body")
        if let given = object["strict"], !given.isNull {
            reading.isStrict = try RequestFields.strict.read(given, "strict", &reading)
        }
        return object
    }

    private static func store(
        _ id: String, _ content: ExampleSetContent, _ request: HTTPServerRequest, _ library: ExampleLibrary,
        _ pins: ExamplePins, _ warnings: [RequestWarning], expected: String? = nil
    ) throws(APIError) -> HTTPAnswer {
        var expected = expected
        if expected == nil { expected = try expectedVersion(request) }
        let before = try library.newestVersion(of: id)
        let isNew = try library.put(id, content, expected: expected)
        var head = JSONAnswer.head(isNew ? .created : .ok)
        let version = ExampleSetContent.version(of: content.canonical)
        head.headerFields[.eTag] = "\"\(version)\""
        if before != version { pins.release(id) }
        return (head, try body(id, nil, library, pins, warnings: warnings))
    }

    /// The version that If-Match names: one strong entity tag (RFC 9110, section 13.1.1).
    private static func expectedVersion(_ request: HTTPServerRequest) throws(APIError) -> String? {
        guard let field = request.head.headerFields[.ifMatch] else { return nil }
        let isTag = field.utf8.count > 2 && field.hasPrefix("\"") && field.hasSuffix("\"")
        let tag = field.dropFirst().dropLast()
        guard isTag, !tag.contains("\"") else {
            throw .invalidValue(param: "If-Match", reason: "expected one version in double quotes")
        }
        return String(tag)
    }
}
