// SPDX-License-Identifier: Apache-2.0

extension TokenizerSource {
    /// The longest piece of a llama2.c vocabulary, in bytes.
    static let llama2cPieceBytes = 4096

    /// Reads llama2.c's `tokenizer.bin`: the longest piece's length, then of each piece its score (binary32), its
    /// length (32 bits) and its bytes.
    ///
    /// - Parameter count: how many pieces there must be; nil: as many as the file holds.
    package static func llama2c(
        _ bytes: UnsafeRawBufferPointer, name: String, count: Int?
    ) throws(CheckpointError) -> TokenizerSource {
        var reader = ByteReader(bytes, file: name)
        let longest = try reader.integer(as: Int32.self, "longest piece")
        guard longest >= 1, longest <= llama2cPieceBytes else {
            throw .malformed(
                file: name, byteOffset: 0, what: "longest piece", expected: "1 to \(llama2cPieceBytes)",
                found: "\(longest)")
        }
        var pieces: [[UInt8]] = []
        var scores: [Float] = []
        while count.map({ pieces.count < $0 }) ?? (reader.remaining > 0) {
            let index = pieces.count
            let start = reader.offset
            let score = try reader.float("score of piece \(index)")
            guard score.isFinite else {
                throw .malformed(
                    file: name, byteOffset: start, what: "score of piece \(index)", expected: "a finite number",
                    found: "\(score)")
            }
            let length = Int(try reader.integer(as: Int32.self, "length of piece \(index)"))
            guard length >= 0, length <= llama2cPieceBytes else {
                throw .malformed(
                    file: name, byteOffset: start + 4, what: "length of piece \(index)",
                    expected: "0 to \(llama2cPieceBytes)", found: "\(length)")
            }
            pieces.append([UInt8](try reader.take(length, "piece \(index)")))
            scores.append(score)
            guard pieces.count <= ModelConfig.Limits.vocabularySize else {
                throw .badVocabulary(
                    file: name, what: "pieces", expected: "at most \(ModelConfig.Limits.vocabularySize)", found: "more")
            }
        }
        guard reader.remaining == 0 else {
            throw .malformed(
                file: name, byteOffset: reader.offset, what: "vocabulary",
                expected: "an end after \(pieces.count) pieces",
                found: "\(reader.remaining) bytes more")
        }
        guard !pieces.isEmpty else {
            throw .malformed(file: name, byteOffset: 4, what: "vocabulary", expected: "a piece", found: "none")
        }
        return .llama2c(pieces: pieces, scores: scores)
    }
}
