// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Compute

/// The token ids of a data file, mapped from a file that ``TokenCacheWriter`` wrote.
///
/// Layout, little-endian:
///
///     0             magic "TPRTOKEN"; version, bytes of an id (2 or 4): 32 bits each; key: 64 bits; zeros up to 64
///     64            ids of all documents, padded with zeros to a multiple of 8
///     then          per id whether it is learned: bits from the lowest on, padded with zeros to a multiple of 8 bytes
///     then          per document: where its ids end, split hash, flags: 64 bits each
///     last 40       documents, ids, hash of all before, key: 64 bits each; magic
struct TokenCache: Sendable {
    static let magic = UInt64(0x4E45_4B4F_5452_5054)
    static let version: UInt32 = 2
    static let headerBytes = 64
    static let recordBytes = 24
    static let trailerBytes = 40
    /// The hash of the file is chained over stretches of this size.
    static let hashedBytes = 1 << 20

    /// What a document's record says.
    struct Record: Equatable {
        static let maskedFlag: UInt64 = 1
        static let straddleFlag: UInt64 = 2

        var end: UInt64
        var splitHash: UInt64
        var flags: UInt64

        var isMasked: Bool { flags & Self.maskedFlag != 0 }
        var straddles: Bool { flags & Self.straddleFlag != 0 }
    }

    let documentCount: Int
    let tokenCount: Int
    private let storage: Storage
    private let idBytes: Int
    private let maskOffset: Int
    private let recordsOffset: Int

    /// Opens the cache at `path`. Everything in it is checked: sizes, the hash, each record, each id.
    ///
    /// - Parameters:
    ///   - key: what the cache is of.
    ///   - vocabularySize: ids are below it.
    /// - Throws: ``TrainingDataError/badCache(file:what:expected:found:)``, ``TrainingDataError/file(_:)``.
    init(path: String, key: UInt64, vocabularySize: Int) throws(TrainingDataError) {
        let storage: Storage
        do throws(CheckpointError) {
            storage = try FileStorage.load(path, mode: .automatic)
        } catch {
            throw .file(error)
        }
        let file = FilePath.name(path)
        func bad(_ what: String, _ expected: String, _ found: String) -> TrainingDataError {
            .badCache(file: file, what: what, expected: expected, found: found)
        }
        let bytes = storage.bytes
        func word(_ offset: Int) -> UInt64 {
            UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        }
        func half(_ offset: Int) -> UInt32 {
            UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        }
        let smallest = Self.headerBytes + Self.trailerBytes
        guard bytes.count >= smallest, bytes.count % 8 == 0 else {
            throw bad("size", "a multiple of 8 from \(smallest) bytes", "\(bytes.count)")
        }
        let trailer = bytes.count - Self.trailerBytes
        guard word(0) == Self.magic, word(bytes.count - 8) == Self.magic else {
            throw bad("magic", "TPRTOKEN at both ends", "other bytes")
        }
        guard half(8) == Self.version else { throw bad("version", "\(Self.version)", "\(half(8))") }
        guard half(12) == 2 || half(12) == 4 else { throw bad("bytes of an id", "2 or 4", "\(half(12))") }
        guard word(16) == key, word(trailer + 24) == key else { throw bad("key", "\(key)", "\(word(16))") }
        idBytes = Int(half(12))
        // Each is at least a byte in the file, which bounds them before anything is multiplied.
        guard let documents = Int(exactly: word(trailer)), let tokens = Int(exactly: word(trailer + 8)),
            documents <= bytes.count / Self.recordBytes, tokens <= bytes.count / idBytes
        else { throw bad("counts", "fewer than the file has room for", "\(word(trailer)), \(word(trailer + 8))") }
        maskOffset = Self.headerBytes + (tokens * idBytes + 7) / 8 * 8
        recordsOffset = maskOffset + (tokens + 63) / 64 * 8
        guard recordsOffset + documents * Self.recordBytes == trailer else {
            throw bad(
                "size", "\(recordsOffset + documents * Self.recordBytes + Self.trailerBytes) bytes", "\(bytes.count)")
        }
        documentCount = documents
        tokenCount = tokens
        self.storage = storage
        let hash = Self.hash(UnsafeRawBufferPointer(rebasing: bytes[..<trailer]))
        guard hash == word(trailer + 16) else { throw bad("hash", "\(word(trailer + 16))", "\(hash)") }
        var end: UInt64 = 0
        for document in 0..<documents {
            let record = record(document)
            guard record.end > end, record.end <= UInt64(tokens), record.end - end <= UInt64(Int32.max)
            else { throw bad("document \(document)", "ids after the \(end) before, within \(tokens)", "\(record)") }
            end = record.end
        }
        guard end == UInt64(tokens) else { throw bad("documents", "\(tokens) ids in all", "\(end)") }
        for position in 0..<tokens where self[position] < 0 || Int(self[position]) >= vocabularySize {
            throw bad("id \(position)", "0..<\(vocabularySize)", "\(self[position])")
        }
    }

    /// The id at `position` in the run of all ids.
    subscript(position: Int) -> Int32 {
        let offset = Self.headerBytes + position * idBytes
        return idBytes == 2
            ? Int32(UInt16(littleEndian: storage.bytes.loadUnaligned(fromByteOffset: offset, as: UInt16.self)))
            : Int32(littleEndian: storage.bytes.loadUnaligned(fromByteOffset: offset, as: Int32.self))
    }

    /// The record of a document.
    func record(_ document: Int) -> Record {
        let offset = recordsOffset + document * Self.recordBytes
        func load<Word: FixedWidthInteger>(_ place: Int, as type: Word.Type) -> Word {
            Word(littleEndian: storage.bytes.loadUnaligned(fromByteOffset: offset + place, as: Word.self))
        }
        return Record(
            end: load(0, as: UInt64.self), splitHash: load(8, as: UInt64.self),
            flags: load(16, as: UInt64.self))
    }

    /// Whether the id at `position` in the run of all ids is learned.
    func isLearned(_ position: Int) -> Bool {
        storage.bytes[maskOffset + position / 8] >> UInt8(position % 8) & 1 == 1
    }

    /// Where the ids of a document are.
    func range(_ document: Int) -> Range<Int> {
        (document == 0 ? 0 : Int(record(document - 1).end))..<Int(record(document).end)
    }

    static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var chain = HashChain()
        chain.append(bytes)
        return chain.value
    }
}

/// The hash of bytes that come piece by piece; how they are cut makes no difference.
struct HashChain {
    private var pending: [UInt8] = []
    private var state: UInt64 = 0

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = rest.prefix(TokenCache.hashedBytes - pending.count)
            rest = rest.dropFirst(part.count)
            if pending.isEmpty, part.count == TokenCache.hashedBytes {
                add(UnsafeRawBufferPointer(rebasing: part))
                continue
            }
            pending.append(contentsOf: part)
            if pending.count == TokenCache.hashedBytes {
                pending.withUnsafeBytes { add($0) }
                pending.removeAll(keepingCapacity: true)
            }
        }
    }

    var value: UInt64 {
        var copy = self
        pending.withUnsafeBytes { copy.add($0) }
        return copy.state
    }

    private mutating func add(_ bytes: UnsafeRawBufferPointer) {
        state = ContentHash.combine([state, ContentHash.hash(bytes)])
    }
}
