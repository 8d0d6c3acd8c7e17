// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Compute

/// Writes a ``TokenCache``: reads a data file once, tokenizes it on all threads, document by document in order.
struct TokenCacheWriter {
    let encoder: DocumentEncoder
    let vocabularySize: Int
    let pool: WorkerPool

    /// Documents are encoded in groups of about so many bytes of text.
    private static let groupBytes = 4 << 20
    private static let chunkDocuments = 16

    /// Writes the ids of all documents of `reader` to `path`, whole or not at all.
    func write(_ reader: DocumentReader, to path: String, key: UInt64) throws(TrainingDataError) {
        let source = reader
        var failure: TrainingDataError?
        do throws(CheckpointError) {
            try AtomicFile.write(path) { sink throws(CheckpointError) in
                do throws(TrainingDataError) {
                    try emit(source, key, to: sink)
                } catch .file(let error) {
                    throw error
                } catch {
                    // Any error ends the writing; this one is told instead.
                    failure = error
                    throw .notACheckpoint(path: path, found: "\(error)")
                }
            }
        } catch {
            throw failure ?? .file(error)
        }
    }

    private func emit(_ source: DocumentReader, _ key: UInt64, to sink: AtomicFile.Sink) throws(TrainingDataError) {
        var reader = source
        let idBytes = vocabularySize <= 1 << 16 ? 2 : 4
        var output = Output()
        output.append(TokenCache.magic)
        output.append(TokenCache.version)
        output.append(UInt32(idBytes))
        output.append(key)
        output.pad(to: TokenCache.headerBytes)
        var records: [TokenCache.Record] = []
        var mask: [UInt8] = []
        var tokenCount = 0
        while true {
            let group = try nextGroup(&reader)
            if group.isEmpty { break }
            for document in try encode(group, file: reader.file) {
                for id in document.ids {
                    if idBytes == 2 { output.append(UInt16(truncatingIfNeeded: id)) } else { output.append(id) }
                }
                for isLearned in document.isLearned {
                    if tokenCount % 8 == 0 { mask.append(0) }
                    if isLearned { mask[tokenCount / 8] |= 1 << UInt8(tokenCount % 8) }
                    tokenCount += 1
                }
                records.append(
                    TokenCache.Record(
                        end: UInt64(tokenCount), splitHash: document.splitHash,
                        flags: (document.isMasked ? TokenCache.Record.maskedFlag : 0)
                            | (document.straddles ? TokenCache.Record.straddleFlag : 0)))
                try output.flush(atLeast: 1 << 20, to: sink)
            }
        }
        output.pad(to: 8)
        for byte in mask {
            output.append(byte)
            try output.flush(atLeast: 1 << 20, to: sink)
        }
        output.pad(to: 8)
        for record in records {
            output.append(record.end)
            output.append(record.splitHash)
            output.append(record.flags)
            try output.flush(atLeast: 1 << 20, to: sink)
        }
        try output.flush(atLeast: 0, to: sink)
        let hash = output.hash
        output.append(UInt64(records.count))
        output.append(UInt64(tokenCount))
        output.append(hash)
        output.append(key)
        output.append(TokenCache.magic)
        try output.flush(atLeast: 0, to: sink)
    }

    private func nextGroup(_ reader: inout DocumentReader) throws(TrainingDataError) -> [Document] {
        var group: [Document] = []
        var byteCount = 0
        while byteCount < Self.groupBytes, let document = try reader.next() {
            for segment in document.segments { byteCount += segment.text.utf8.count }
            group.append(document)
        }
        return group
    }

    /// Encodes a group on all threads; the result is in the order of the documents, as is the first error.
    private func encode(_ group: [Document], file: String) throws(TrainingDataError) -> [EncodedDocument] {
        typealias Outcome = Result<EncodedDocument, TrainingDataError>
        let chunkCount = (group.count + Self.chunkDocuments - 1) / Self.chunkDocuments
        var outcomes = [Outcome?](repeating: nil, count: group.count)
        outcomes.withUnsafeMutableBufferPointer { outcomes in
            // Each chunk writes its own elements.
            nonisolated(unsafe) let outcomes = outcomes
            pool.run(chunkCount: chunkCount) { chunk in
                let end = min((chunk + 1) * Self.chunkDocuments, group.count)
                for index in chunk * Self.chunkDocuments..<end {
                    do throws(TrainingDataError) {
                        outcomes[index] = .success(try encoder.encode(group[index], file: file))
                    } catch {
                        outcomes[index] = .failure(error)
                    }
                }
            }
        }
        var encoded: [EncodedDocument] = []
        encoded.reserveCapacity(group.count)
        for outcome in outcomes {
            if let outcome { encoded.append(try outcome.get()) }
        }
        return encoded
    }
}

extension TokenCacheWriter {
    /// Bytes on their way into the file.
    private struct Output {
        private var bytes: [UInt8] = []
        private var written = 0
        private var chain = HashChain()

        var hash: UInt64 { chain.value }

        mutating func append(_ value: some FixedWidthInteger) {
            withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
        }

        mutating func pad(to alignment: Int) {
            while (written + bytes.count) % alignment != 0 { bytes.append(0) }
        }

        mutating func flush(atLeast limit: Int, to sink: AtomicFile.Sink) throws(TrainingDataError) {
            guard bytes.count >= max(limit, 1) else { return }
            var failure: CheckpointError?
            bytes.withUnsafeBytes { raw in
                chain.append(raw)
                do throws(CheckpointError) { try sink(raw) } catch { failure = error }
            }
            if let failure { throw .file(failure) }
            written += bytes.count
            bytes.removeAll(keepingCapacity: true)
        }
    }
}
