// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Constraints
import Decoding
import Engine
import StrictJSON
import Synchronization
import Tokenizers

/// Makes constraints of the checked fields. Keeps the last ones with what was found of them, and the vocabularies.
///
/// Concurrency: any thread.
final class ConstraintPlanner: Sendable {
    private struct Entry {
        var model: String
        var source: ConstraintSource
        var constraint: TokenConstraint
    }

    private struct State {
        var tries: [String: TokenTrie] = [:]
        /// The least recently used first.
        var entries: [Entry] = []
    }

    private static let limit = 16
    private let state = Mutex(State())

    /// The fields of which one at most may constrain.
    static let fields = [
        RequestFields.textChoices.declaration, RequestFields.regex.declaration, RequestFields.jsonObject.declaration,
        RequestFields.jsonSchema.declaration, RequestFields.grammar.declaration,
        RequestFields.responseFormat.declaration,
    ]

    /// What the text may be; nil: anything.
    ///
    /// - Throws: ``APIError`` where two fields constrain, or one asks for what cannot be.
    func constraint(_ values: FieldValues, model: ModelInfo) throws(APIError) -> ConstraintParameters? {
        let found = Self.sources(values)
        guard let first = found.first else { return nil }
        if found.count > 1 { throw .conflict(param: found[1].path, other: first.path) }
        if values[RequestFields.ignoreEnd] {
            throw .conflict(param: first.path, other: values.path(RequestFields.ignoreEnd.name))
        }
        let constraint: TokenConstraint
        do throws(ConstraintError) {
            constraint = try made(first.source, model)
        } catch .schema(let path, let reason) {
            throw .invalidValue(
                param: path.reduce(first.schemaPath) { JSONPath.member($0, $1) }, reason: reason)
        } catch {
            throw .invalidValue(param: first.schemaPath, reason: "\(error)")
        }
        return ConstraintParameters(
            constraint, endIDs: model.tokenizer.endIDs.union(values[RequestFields.stopTokenIDs]), name: first.path)
    }

    private struct Source {
        var source: ConstraintSource
        var path: String
        /// Where the text or the schema is.
        var schemaPath: String
    }

    private static func sources(_ values: FieldValues) -> [Source] {
        var found: [Source] = []
        func add(_ source: ConstraintSource, _ name: String, _ rest: String = "") {
            found.append(Source(source: source, path: values.path(name), schemaPath: values.path(name) + rest))
        }
        if let texts = values[RequestFields.textChoices] { add(.choice(texts), RequestFields.textChoices.name) }
        if let text = values[RequestFields.regex] { add(.regex(text), RequestFields.regex.name) }
        if values[RequestFields.jsonObject] { add(.jsonObject, RequestFields.jsonObject.name) }
        if let schema = values[RequestFields.jsonSchema] { add(.jsonSchema(schema), RequestFields.jsonSchema.name) }
        if let text = values[RequestFields.grammar], !text.isEmpty { add(.gbnf(text), RequestFields.grammar.name) }
        switch values[RequestFields.responseFormat] {
        case nil, .text?: break
        case .jsonObject?: add(.jsonObject, RequestFields.responseFormat.name)
        case .jsonSchema(let schema)?:
            add(.jsonSchema(schema), RequestFields.responseFormat.name, ".json_schema.schema")
        }
        return found
    }

    private func made(_ source: ConstraintSource, _ model: ModelInfo) throws(ConstraintError) -> TokenConstraint {
        let known = state.withLock { state -> TokenConstraint? in
            guard let index = state.entries.firstIndex(where: { $0.model == model.id && $0.source == source }) else {
                return nil
            }
            let entry = state.entries.remove(at: index)
            state.entries.append(entry)
            return entry.constraint
        }
        if let known { return known }
        let constraint = try TokenConstraint(source, trie(model))
        state.withLock { state in
            if state.entries.count >= Self.limit { state.entries.removeFirst() }
            state.entries.append(Entry(model: model.id, source: source, constraint: constraint))
        }
        return constraint
    }

    private func trie(_ model: ModelInfo) -> TokenTrie {
        if let known = state.withLock({ $0.tries[model.id] }) { return known }
        let count = max(model.tokenizer.vocabularySize, model.config.vocabularySize)
        let trie = TokenTrie(pieces: (0..<count).map { model.tokenizer.bytes(of: Int32($0)) })
        state.withLock { $0.tries[model.id] = trie }
        return trie
    }
}
