// SPDX-License-Identifier: Apache-2.0

import HTTPTypes

/// Reads HTTP/1.1 requests (RFC 9112) from bytes that come in pieces of any size. A pure value: no socket, no clock.
///
///     var parser = HTTPParser(limits: HTTPLimits())
///     parser.append(bytes)
///     while let event = parser.next() { … }
///
/// The grammar is strict: lines end in CRLF, and whatever two recipients might read differently is an error that
/// closes the connection. The events, but for the cut of the body into pieces, depend on the bytes alone and never on
/// how they were split. After ``Event/failure(_:)`` there are no more events.
public struct HTTPParser: Sendable {
    /// What was read.
    public enum Event: Sendable, Hashable {
        /// A complete head.
        case head(HTTPRequestHead)
        /// The client waits for "100 Continue" before it sends the body of the head just read (RFC 9110, 10.1.1);
        /// needless if ``HTTPParser/bufferedByteCount`` shows that it did not wait.
        case continueExpected
        /// The next bytes of the body, at least one; chunked coding removed.
        case body([UInt8])
        /// The message is complete.
        case end
        /// The bytes are no valid request, or one beyond a limit.
        case failure(HTTPRejection)
    }

    /// Where in a message the parser stands.
    public enum Position: Sendable, Hashable {
        /// Between messages; no byte of the next one has come.
        case idle
        /// Inside a head.
        case head
        /// Inside a body or its framing.
        case body
        /// After a failure.
        case failed
    }

    private enum State: Sendable {
        case requestLine
        case fields(HeadInProgress)
        case continueExpected(HTTPRequestHead.BodyLength)
        case fixedBody(remaining: Int)
        case chunkLine
        case chunkData(remaining: Int)
        case chunkEnd
        case trailers(usedBytes: Int)
        case failed
    }

    let limits: HTTPLimits
    private var state = State.requestLine
    private var buffer: [UInt8] = []
    /// The first byte not consumed yet.
    private var cursor = 0
    /// The first byte not looked at yet by the search for the end of a line.
    private var scanned = 0
    private var skippedEmptyLine = false
    private var bodyBytes = 0
    private var extensionBytes = 0

    /// A parser at the start of a connection.
    public init(limits: HTTPLimits) {
        self.limits = limits
    }

    /// Where in a message the parser stands, as far as ``next()`` has been called.
    public var position: Position {
        switch state {
        case .requestLine: cursor == buffer.count ? .idle : .head
        case .fields: .head
        case .failed: .failed
        default: .body
        }
    }

    /// The number of bytes appended and not consumed yet.
    public var bufferedByteCount: Int { buffer.count - cursor }

    /// Takes bytes in; ``next()`` then tells what they complete.
    public mutating func append(_ bytes: some Collection<UInt8>) {
        if cursor > 64 * 1024 {
            buffer.removeSubrange(..<cursor)
            scanned -= cursor
            cursor = 0
        }
        buffer.append(contentsOf: bytes)
    }

    /// The next event; nil if more bytes are needed.
    public mutating func next() -> Event? {
        do throws(HTTPRejection) {
            if let event = try step() { return event }
            if cursor == buffer.count {
                // All is consumed; an idle connection keeps little.
                buffer.removeAll(keepingCapacity: buffer.capacity <= 16 * 1024)
                (cursor, scanned) = (0, 0)
            }
            return nil
        } catch {
            state = .failed
            buffer = []
            (cursor, scanned) = (0, 0)
            return .failure(error)
        }
    }

    /// The peer will send no more: a failure if that is in the middle of a message (RFC 9112, section 8).
    public mutating func finish() -> Event? {
        guard position == .head || position == .body else { return nil }
        state = .failed
        return .failure(.incompleteMessage)
    }

    private mutating func step() throws(HTTPRejection) -> Event? {
        while true {
            switch state {
            case .requestLine:
                guard let line = try takeLine(.requestLine, limit: limits.requestLineBytes, tooLong: .lineTooLong)
                else { return nil }
                if line.isEmpty {
                    // RFC 9112, section 2.2: at least one empty line before a request is to be skipped.
                    guard !skippedEmptyLine else {
                        throw .badRequest("invalid_request_line", "Empty lines come before the request line.")
                    }
                    skippedEmptyLine = true
                } else {
                    state = .fields(try HeadInProgress(line: buffer[line]))
                }
            case .fields(var head):
                state = .failed  // so that `head` is unique while it grows
                let isComplete = try takeField(into: &head)
                guard isComplete else {
                    let isWaiting = scanned == buffer.count
                    state = .fields(head)
                    if isWaiting { return nil }
                    continue
                }
                let finished = try head.finished(limits: limits)
                beginBody(of: finished)
                return .head(finished)
            case .continueExpected(let length):
                state = Self.bodyState(for: length)
                return .continueExpected
            case .fixedBody(let remaining):
                guard remaining > 0 else { return endMessage() }
                guard let bytes = takeBytes(atMost: remaining) else { return nil }
                state = .fixedBody(remaining: remaining - bytes.count)
                return .body(bytes)
            case .chunkLine:
                guard let line = try takeLine(.fieldLine, limit: limits.chunkLineBytes, tooLong: .chunkLineTooLong)
                else { return nil }
                try beginChunk(line: buffer[line])
            case .chunkData(let remaining):
                guard remaining > 0 else {
                    state = .chunkEnd
                    continue
                }
                guard let bytes = takeBytes(atMost: remaining) else { return nil }
                state = .chunkData(remaining: remaining - bytes.count)
                return .body(bytes)
            case .chunkEnd:
                guard let line = try takeLine([], limit: 0, tooLong: .chunkOverrun) else { return nil }
                precondition(line.isEmpty)
                state = .chunkLine
            case .trailers(let usedBytes):
                let limit = max(0, min(limits.fieldLineBytes, limits.trailerBytes - usedBytes - 2))
                guard let line = try takeLine(.fieldLine, limit: limit, tooLong: .trailersTooLarge) else { return nil }
                if line.isEmpty { return endMessage() }
                _ = try FieldLine(buffer[line])  // Checked and dropped (RFC 9110, section 6.5.1).
                state = .trailers(usedBytes: usedBytes + line.count + 2)
            case .failed:
                return nil
            }
        }
    }
}

// MARK: - Heads

extension HTTPParser {
    /// Takes one line of the field section in. True at the empty line that ends it; false after a field, and if the
    /// line is not complete yet.
    private mutating func takeField(into head: inout HeadInProgress) throws(HTTPRejection) -> Bool {
        let room = max(0, limits.fieldBlockBytes - head.blockBytes - 2)
        guard
            let line = try takeLine(
                .fieldLine, limit: min(limits.fieldLineBytes, room), tooLong: .fieldsTooLarge)
        else { return false }
        if line.isEmpty { return true }
        guard head.fieldCount < limits.fieldCount else { throw .fieldsTooLarge }
        let field = try FieldLine(buffer[line])
        if field.field.name.canonicalName == "host" {
            head.hosts.append(field.field)
        } else {
            head.fields.append(field.field)
        }
        head.fieldCount += 1
        head.blockBytes += line.count + 2
        return false
    }

    private mutating func beginBody(of head: HTTPRequestHead) {
        skippedEmptyLine = false
        (bodyBytes, extensionBytes) = (0, 0)
        let expects = !head.isHTTP10 && !head.bodyLength.isEmpty && head.request.headerFields.contains(.expect)
        if expects, head.rejection == nil {
            state = .continueExpected(head.bodyLength)
        } else {
            state = Self.bodyState(for: head.bodyLength)
        }
    }

    private static func bodyState(for length: HTTPRequestHead.BodyLength) -> State {
        switch length {
        case .fixed(let count): .fixedBody(remaining: count)
        case .chunked: .chunkLine
        }
    }

    private mutating func endMessage() -> Event {
        state = .requestLine
        return .end
    }
}

// MARK: - Chunks

extension HTTPParser {
    /// Reads `chunk-size [ chunk-ext ]` (RFC 9112, section 7.1).
    private mutating func beginChunk(line: ArraySlice<UInt8>) throws(HTTPRejection) {
        let chunk = try ChunkLine(line)
        extensionBytes += chunk.extensionBytes
        guard extensionBytes <= limits.chunkExtensionBytes else {
            throw .badRequest("chunk_extensions_too_large", "The chunk extensions of a message are too large.")
        }
        guard chunk.size > 0 else {
            state = .trailers(usedBytes: 0)
            return
        }
        guard chunk.size <= limits.bodyBytes - bodyBytes else { throw .bodyTooLarge(limit: limits.bodyBytes) }
        bodyBytes += chunk.size
        state = .chunkData(remaining: chunk.size)
    }
}

// MARK: - The buffer

extension HTTPParser {
    /// Takes the next line, its CRLF consumed but not included. Bytes are judged in their order, each as soon as it is
    /// there: one outside `allowed`, a bare CR or LF, or one beyond the limit is an error.
    private mutating func takeLine(
        _ allowed: ByteClasses, limit: Int, tooLong: @autoclosure () -> HTTPRejection
    ) throws(HTTPRejection) -> Range<Int>? {
        enum Found { case nothing, line(end: Int), bareLF, bareCR, illegal, tooLong }
        let start = cursor
        var index = scanned
        let found: Found = buffer.withUnsafeBufferPointer { bytes in
            ByteClasses.table.withUnsafeBufferPointer { table in
                while index < bytes.count {
                    let byte = bytes[index]
                    let follows = index > start && bytes[index - 1] == .carriageReturn
                    if byte == .lineFeed { return follows ? .line(end: index - 1) : .bareLF }
                    if follows { return .bareCR }
                    if byte != .carriageReturn {
                        if index - start >= limit { return .tooLong }
                        if table[Int(byte)].isDisjoint(with: allowed) { return .illegal }
                    }
                    index += 1
                }
                return .nothing
            }
        }
        scanned = index
        switch found {
        case .nothing: return nil
        case .line(let end):
            cursor = index + 1
            scanned = cursor
            return start..<end
        case .bareLF: throw .badRequest("bare_lf", "A line ends in LF without CR.")
        case .bareCR: throw .badRequest("bare_cr", "A line holds CR without LF.")
        case .illegal: throw .badRequest("illegal_byte", "A line holds a byte that is not allowed there.")
        case .tooLong: throw tooLong()
        }
    }

    private mutating func takeBytes(atMost limit: Int) -> [UInt8]? {
        let count = min(limit, buffer.count - cursor)
        guard count > 0 else { return nil }
        let bytes = Array(buffer[cursor..<cursor + count])
        cursor += count
        scanned = cursor
        return bytes
    }
}

extension HTTPRejection {
    static let lineTooLong = HTTPRejection(.uriTooLong, code: "uri_too_long", "The request line is too long.")
    static let fieldsTooLarge = HTTPRejection(
        .requestHeaderFieldsTooLarge, code: "header_too_large", "The header fields are too large or too many.")
    static let trailersTooLarge = HTTPRejection(
        .requestHeaderFieldsTooLarge, code: "trailers_too_large", "The trailer fields are too large.")
    static let chunkLineTooLong = badRequest("chunk_line_too_long", "A chunk-size line is too long.")
    static let chunkOverrun = badRequest("invalid_chunk", "A chunk is longer than its size says.")
}
