// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Compute
import StrictJSON

/// How a data file is cut into documents.
public enum DocumentFormat: Sendable, Equatable {
    /// Plain text. A line that is exactly `separator` stands between two documents; an empty separator means one or
    /// more lines of white space. Line ends around a document are no part of it, and what is left empty is none.
    case text(separator: String)
    /// One JSON object a line: `{"text": …}`; `{"prompt": …, "completion": …}`, of which only the completion is learned;
    /// or `{"segments": [{"text": …, "learned": true}, …]}`, which says it of each piece. Other members are left alone,
    /// as are lines of white space.
    case jsonl

    /// The separator of text where none is named.
    public static let defaultSeparator = "<|endoftext|>"

    /// The format that a file's name tells: JSONL for `.jsonl`, else text.
    public static func ofFile(named name: String, separator: String = defaultSeparator) -> DocumentFormat {
        name.hasSuffix(".jsonl") ? .jsonl : .text(separator: separator)
    }
}

/// A document of a data file.
public struct Document: Sendable, Equatable {
    /// A piece of the text.
    public struct Segment: Sendable, Equatable {
        /// The characters.
        public var text: String
        /// Whether they are predicted in training, or only read.
        public var isLearned: Bool

        /// A segment of the given text.
        public init(_ text: String, isLearned: Bool) {
            self.text = text
            self.isLearned = isLearned
        }
    }

    /// The largest number of segments that a line may have.
    public static let segmentLimit = 65_536

    /// The first line of it, from 1.
    public var line: Int
    /// The whole text in its order, at least one segment.
    public var segments: [Segment]

    /// A document of the given segments.
    public init(line: Int, segments: [Segment]) {
        self.line = line
        self.segments = segments
    }

    /// A text that is learned whole.
    public init(line: Int, text: String) {
        self.init(line: line, segments: [Segment(text, isLearned: true)])
    }

    /// A prompt that is read and a completion that is learned.
    public init(line: Int, prompt: String, completion: String) {
        self.init(line: line, segments: [Segment(prompt, isLearned: false), Segment(completion, isLearned: true)])
    }

    /// Whether some of it is only read.
    public var isMasked: Bool { segments.contains { !$0.isLearned } }
    /// All of it.
    public var text: String { segments.count == 1 ? segments[0].text : segments.map(\.text).joined() }
}

/// Reads the documents of a file in order.
///
///     var reader = try DocumentReader(path: "stories.txt", format: .text(separator: "<|endoftext|>"))
///     while let document = try reader.next() { … }
public struct DocumentReader {
    private let storage: Storage
    private let format: DocumentFormat
    /// The file's name, for errors.
    let file: String
    private var offset = 0
    private var line = 0

    /// Opens the file at `path`.
    ///
    /// - Throws: ``TrainingDataError`` if it cannot be read, is empty, or is not a regular file.
    public init(path: String, format: DocumentFormat) throws(TrainingDataError) {
        do throws(CheckpointError) {
            storage = try FileStorage.load(path, mode: .automatic)
        } catch .notACheckpoint(_, let found) {
            throw .notData(path: path, found: found)
        } catch {
            throw .file(error)
        }
        self.format = format
        file = FilePath.name(path)
    }

    /// The hash of the file's bytes.
    var contentHash: UInt64 { ContentHash.hash(storage.bytes) }

    /// The next document; nil at the end.
    ///
    /// - Throws: ``TrainingDataError`` with the number of the line.
    public mutating func next() throws(TrainingDataError) -> Document? {
        switch format {
        case .text(let separator): try nextText(separator)
        case .jsonl: try nextExample()
        }
    }

    /// The next line without its end; nil at the end of the file.
    private mutating func nextLine() -> Range<Int>? {
        let bytes = storage.bytes
        guard offset < bytes.count else { return nil }
        let start = offset
        let rest = UnsafeRawBufferPointer(rebasing: bytes[start...])
        let length = rest.firstIndex(of: UInt8(ascii: "\n")) ?? rest.count
        line += 1
        offset = min(start + length + 1, bytes.count)
        let end = start + length
        return start..<(length > 0 && bytes[end - 1] == UInt8(ascii: "\r") ? end - 1 : end)
    }

    private func isBlank(_ range: Range<Int>) -> Bool {
        storage.bytes[range].allSatisfy { $0 == UInt8(ascii: " ") || ($0 >= 9 && $0 <= 13) }
    }

    private func text(_ range: Range<Int>) -> String? {
        String(validating: UnsafeRawBufferPointer(rebasing: storage.bytes[range]), as: UTF8.self)
    }

    // MARK: Text

    private mutating func nextText(_ separator: String) throws(TrainingDataError) -> Document? {
        let separator = Array(separator.utf8)
        var found: (range: Range<Int>, line: Int)?
        while let range = nextLine() {
            let separates =
                separator.isEmpty
                ? isBlank(range)
                : range.count == separator.count && storage.bytes[range].elementsEqual(separator)
            if separates {
                if found != nil { break }
            } else if let start = found {
                // Line ends at the end of a document are cut off.
                if !range.isEmpty { found = (start.range.lowerBound..<range.upperBound, start.line) }
            } else if !range.isEmpty {
                found = (range, line)
            }
        }
        guard let found else { return nil }
        guard let text = text(found.range) else {
            throw .notUTF8(file: file, line: faultyLine(found.range, found.line))
        }
        return Document(line: found.line, text: text)
    }

    /// The first line of `range` that is not UTF-8; `first` is the number of its first line.
    private func faultyLine(_ range: Range<Int>, _ first: Int) -> Int {
        var number = first
        for part in storage.bytes[range].split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            if text(part.startIndex..<part.endIndex) == nil { return number }
            number += 1
        }
        return first
    }

    // MARK: JSONL

    private mutating func nextExample() throws(TrainingDataError) -> Document? {
        while let range = nextLine() {
            if isBlank(range) { continue }
            let json: JSON
            do throws(JSONError) {
                json = try JSONParser.parse(UnsafeRawBufferPointer(rebasing: storage.bytes[range]))
            } catch {
                throw .badJSON(file: file, line: line, error)
            }
            return try example(json)
        }
        return nil
    }

    private func example(_ json: JSON) throws(TrainingDataError) -> Document {
        let shapes = "an object with \"text\", with \"prompt\" and \"completion\", or with \"segments\""
        guard let object = json.objectValue else { throw bad(shapes, json.typeName) }
        func string(_ key: String) throws(TrainingDataError) -> String? {
            guard let value = object[key] else { return nil }
            guard let text = value.stringValue else { throw bad("a string under \"\(key)\"", value.typeName) }
            return text
        }
        let text = try string("text")
        let prompt = try string("prompt")
        let completion = try string("completion")
        switch (text, prompt, completion, object["segments"]) {
        case (let text?, nil, nil, nil): return Document(line: line, text: text)
        case (nil, let prompt?, let completion?, nil):
            return Document(line: line, prompt: prompt, completion: completion)
        case (nil, nil, nil, let list?): return Document(line: line, segments: try segments(list))
        default:
            let found = ["text", "prompt", "completion", "segments"].filter { object[$0] != nil }
            throw bad(
                shapes,
                found.isEmpty ? "none of them" : found.joined(separator: " and ") + (found.count < 2 ? " alone" : ""))
        }
    }

    private func segments(_ json: JSON) throws(TrainingDataError) -> [Document.Segment] {
        guard let list = json.arrayValue, !list.isEmpty, list.count <= Document.segmentLimit else {
            throw bad(
                "1 to \(Document.segmentLimit) objects under \"segments\"",
                json.arrayValue.map { "\($0.count)" } ?? json.typeName)
        }
        var segments: [Document.Segment] = []
        segments.reserveCapacity(list.count)
        for (index, element) in list.enumerated() {
            guard let text = element.objectValue?["text"]?.stringValue,
                let isLearned = element.objectValue?["learned"]?.boolValue
            else {
                throw bad("a string \"text\" and a flag \"learned\" in segment \(index)", "something else")
            }
            segments.append(Document.Segment(text, isLearned: isLearned))
        }
        return segments
    }

    private func bad(_ expected: String, _ found: String) -> TrainingDataError {
        .badExample(file: file, line: line, expected: expected, found: found)
    }
}
