// SPDX-License-Identifier: Apache-2.0

extension GGUFFile {
    /// Special tokens by role: the key under `tokenizer.ggml` without `_token_id`.
    static let specialRoles: [(key: String, role: String)] = [
        ("bos", "bos"), ("eos", "eos"), ("eot", "eot"), ("eom", "eom"), ("unknown", "unknown"),
        // The specification misspells it, and so do files.
        ("seperator", "separator"), ("separator", "separator"), ("padding", "padding"), ("cls", "cls"),
        ("mask", "mask"), ("prefix", "prefix"), ("suffix", "suffix"), ("middle", "middle"),
        ("fim_pre", "fim_pre"), ("fim_suf", "fim_suf"), ("fim_mid", "fim_mid"), ("fim_pad", "fim_pad"),
        ("fim_rep", "fim_rep"), ("fim_sep", "fim_sep"),
    ]

    /// The longest piece of a vocabulary, in bytes.
    static let pieceBytes = 65_536

    /// The vocabulary, or nil if the file has none; lists are as long as they must be and ids within the vocabulary.
    func vocabulary() throws(CheckpointError) -> GGUFVocabulary? {
        let prefix = "tokenizer.ggml."
        guard let model = try string(prefix + "model"), model != "none", model != "no_vocab" else { return nil }
        guard let tokens = self[prefix + "tokens"] else {
            throw .missingKey(file: name, key: prefix + "tokens")
        }
        guard let pieces = tokens.arrayValue?.stringValues, !pieces.isEmpty,
            pieces.count <= ModelConfig.Limits.vocabularySize
        else {
            throw .badValue(
                file: name, key: prefix + "tokens",
                expected: "an ARRAY of 1 to \(ModelConfig.Limits.vocabularySize) STRINGs", found: "\(tokens)")
        }
        for (index, piece) in pieces.enumerated() where piece.utf8.count > Self.pieceBytes {
            throw .badVocabulary(
                file: name, what: "length of piece \(index)", expected: "at most \(Self.pieceBytes) bytes",
                found: "\(piece.utf8.count)")
        }
        var vocabulary = GGUFVocabulary(model: model, pieces: pieces)
        vocabulary.preTokenizer = try string(prefix + "pre")
        vocabulary.scores = try list(prefix + "scores", \.floatValues, "FLOAT32", count: pieces.count) ?? []
        for (index, score) in vocabulary.scores.enumerated() where score.isNaN {
            throw .badVocabulary(
                file: name, what: "score of piece \(index)", expected: "a number", found: "\(score)")
        }
        vocabulary.kinds = try kinds(prefix + "token_type", count: pieces.count)
        vocabulary.merges = try list(prefix + "merges", \.stringValues, "STRING", count: nil) ?? []
        for (key, role) in Self.specialRoles {
            guard let id = try specialID("\(prefix)\(key)_token_id", count: pieces.count) else { continue }
            vocabulary.specialIDs[role] = id
        }
        vocabulary.addsBOS = try flag(prefix + "add_bos_token")
        vocabulary.addsEOS = try flag(prefix + "add_eos_token")
        vocabulary.addsSpacePrefix = try flag(prefix + "add_space_prefix")
        vocabulary.removesExtraWhitespace = try flag(prefix + "remove_extra_whitespaces")
        vocabulary.chatTemplate = try string("tokenizer.chat_template")
        return vocabulary
    }

    private func kinds(_ key: String, count: Int) throws(CheckpointError) -> [TokenKind] {
        guard let stated = try list(key, \.integerValues, "integer", count: count) else { return [] }
        var kinds: [TokenKind] = []
        kinds.reserveCapacity(count)
        for (index, value) in stated.enumerated() {
            // 0 is "undefined", which nothing treats apart from normal.
            guard let kind = value == 0 ? .normal : Int32(exactly: value).flatMap(TokenKind.init(rawValue:)) else {
                throw .badVocabulary(
                    file: name, what: "type of piece \(index)", expected: "0 to 6", found: "\(value)")
            }
            kinds.append(kind)
        }
        return kinds
    }

    private func specialID(_ key: String, count: Int) throws(CheckpointError) -> Int32? {
        guard let value = self[key] else { return nil }
        guard let integer = value.integerValue else {
            throw .badValue(file: name, key: key, expected: "an integer", found: value.typeName)
        }
        // All ones is how writers say "none".
        if integer == -1 || integer == Int(UInt32.max) { return nil }
        guard integer >= 0, integer < count, let id = Int32(exactly: integer) else {
            throw .badValue(file: name, key: key, expected: "0 to \(count - 1)", found: "\(integer)")
        }
        return id
    }

    private func list<Element>(
        _ key: String, _ elements: KeyPath<GGUFArray, [Element]?>, _ type: String, count: Int?
    ) throws(CheckpointError) -> [Element]? {
        guard let value = self[key] else { return nil }
        guard let values = value.arrayValue?[keyPath: elements] else {
            throw .badValue(file: name, key: key, expected: "an ARRAY of \(type)", found: "\(value.typeName) \(value)")
        }
        if let count, values.count != count {
            throw .badVocabulary(
                file: name, what: key, expected: "\(count) entries, one per piece", found: "\(values.count)")
        }
        return values
    }

    private func string(_ key: String) throws(CheckpointError) -> String? {
        guard let value = self[key] else { return nil }
        guard let text = value.stringValue else {
            throw .badValue(file: name, key: key, expected: "a STRING", found: value.typeName)
        }
        return text
    }

    private func flag(_ key: String) throws(CheckpointError) -> Bool? {
        guard let value = self[key] else { return nil }
        guard let flag = value.boolValue else {
            throw .badValue(file: name, key: key, expected: "a BOOL", found: value.typeName)
        }
        return flag
    }
}
