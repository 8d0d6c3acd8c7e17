// SPDX-License-Identifier: Apache-2.0

public import Tokenizers

/// The tokens of a document.
public struct EncodedDocument: Sendable, Equatable {
    /// The ids, BOS first where the vocabulary asks for it, the token that ends a text last.
    public var ids: [Int32]
    /// How many leading tokens are not learned; 0 for a plain text.
    public var promptCount: Int
    /// Whether it is a prompt with its completion.
    public var isPair: Bool
    /// Whether the completion starts inside a token, which then is learned.
    public var straddles: Bool
    /// What decides its part, see ``SplitRule``.
    public var splitHash: UInt64
}

/// Turns documents into token ids.
public struct DocumentEncoder: Sendable {
    private let tokenizer: any Tokenizer
    private let eos: Int32
    private let parsesSpecial: Bool

    /// - Parameter parsesSpecial: the spelling of a control token in a text is that token.
    /// - Throws: ``TrainingDataError/noEndToken``.
    public init(_ tokenizer: any Tokenizer, parsesSpecial: Bool) throws(TrainingDataError) {
        guard let eos = tokenizer.eosID else { throw .noEndToken }
        self.tokenizer = tokenizer
        self.eos = eos
        self.parsesSpecial = parsesSpecial
    }

    /// The tokens of `document`, prompt and completion read as one text, since tokens may reach over the seam.
    ///
    /// - Parameter file: the name of its file, for errors.
    /// - Throws: ``TrainingDataError/completionNotFound(file:line:)``.
    public func encode(_ document: Document, file: String) throws(TrainingDataError) -> EncodedDocument {
        let text = (document.prompt ?? "") + document.text
        var ids = tokenizer.encode(text, addSpecial: true, parseSpecial: parsesSpecial)
        if ids.last != eos { ids.append(eos) }
        var result = EncodedDocument(
            ids: ids, promptCount: 0, isPair: document.prompt != nil, straddles: false,
            splitHash: SplitRule.hash(of: document))
        guard let prompt = document.prompt else { return result }
        let promptBytes = prompt.utf8.count
        let totalBytes = text.utf8.count
        // The space that encoding puts before a text is no byte of it.
        var end = tokenizer.stripsLeadingSpace ? -1 : 0
        var promptCount: Int?
        for (index, id) in ids.enumerated() where end < totalBytes {
            let start = end
            end += byteCount(of: id, isFirst: index == 0)
            if promptCount == nil, end > promptBytes {
                promptCount = index
                result.straddles = max(start, 0) < promptBytes
            }
        }
        guard end == totalBytes else { throw .completionNotFound(file: file, line: document.line) }
        // An empty completion leaves the end of the text to learn.
        result.promptCount = promptCount ?? ids.count - 1
        return result
    }

    /// How many bytes of the text a token took.
    private func byteCount(of id: Int32, isFirst: Bool) -> Int {
        guard tokenizer.isControl(id) else { return tokenizer.bytes(of: id).count }
        if isFirst, tokenizer.addsBOS, id == tokenizer.bosID { return 0 }
        return tokenizer.piece(of: id)?.utf8.count ?? 0
    }
}
