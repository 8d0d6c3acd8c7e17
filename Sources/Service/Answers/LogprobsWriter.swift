// SPDX-License-Identifier: Apache-2.0

import Engine
import StrictJSON

/// Writes log-probabilities in the shapes of the two routes. They are raw, the log-softmax of the model's own logits,
/// unless the member `mode` says `processed`, those of the distribution that was drawn from, or `both`: then processed
/// ones stand beside the raw ones, null for tokens that were not drawn.
enum LogprobsWriter {
    /// The shape of `/v1/completions`: parallel arrays over the tokens, maps keyed by text.
    ///
    /// The map of a place holds the likeliest and the chosen token; where two ids have one text it keeps the likelier.
    /// `top_ids` and `top_id_logprobs` beside lose nothing. A place without a value (the first of an echoed prompt) is
    /// null. One number is written the same in both places.
    static func writeLegacy(_ tokens: some Sequence<LabelledToken>, mode: LogprobMode, to writer: inout JSONWriter) {
        let tokens = Array(tokens)
        writer.object { object in
            object.member("tokens", tokens.map(\.text))
            object.member(
                "token_logprobs",
                array: { array in
                    for token in tokens { write(token.logprob, to: &array) }
                })
            object.member(
                "top_logprobs",
                array: { array in
                    for token in tokens { writeMap(token, to: &array) }
                })
            object.member("text_offset", tokens.map(\.offset))
            object.member("token_ids", tokens.map(\.id))
            object.member(
                "top_ids",
                array: { array in
                    for token in tokens { array.array { ids in for entry in token.top { ids.value(entry.id) } } }
                })
            object.member(
                "top_id_logprobs",
                array: { array in
                    for token in tokens {
                        array.array { values in
                            for entry in token.top { values.value(TokenLabel.writable(entry.logprob)) }
                        }
                    }
                })
            writeMode(mode, to: &object)
            if mode == .both { writeProcessed(tokens, to: &object) }
        }
    }

    private static func writeMode(_ mode: LogprobMode, to writer: inout JSONWriter) {
        if mode != .raw { writer.member("mode", mode.rawValue) }
    }

    private static func writeProcessed(_ tokens: [LabelledToken], to writer: inout JSONWriter) {
        writer.member(
            "processed_token_logprobs",
            array: { array in
                for token in tokens { write(token.processed?.logprob, to: &array) }
            })
        writer.member(
            "processed_top_ids",
            array: { array in
                for token in tokens {
                    array.array { ids in for entry in token.processed?.top ?? [] { ids.value(entry.id) } }
                }
            })
        writer.member(
            "processed_top_id_logprobs",
            array: { array in
                for token in tokens {
                    array.array { values in
                        for entry in token.processed?.top ?? [] {
                            values.value(TokenLabel.writable(entry.logprob))
                        }
                    }
                }
            })
    }

    private static func writeMap(_ token: LabelledToken, to writer: inout JSONWriter) {
        guard let logprob = token.logprob else { return writer.null() }
        var written: Set<String> = []
        writer.object { map in
            for entry in token.top where written.insert(entry.text).inserted {
                map.member(entry.text, TokenLabel.writable(entry.logprob))
            }
            if written.insert(token.text).inserted { map.member(token.text, TokenLabel.writable(logprob)) }
        }
    }

    private static func write(_ logprob: Float?, to writer: inout JSONWriter) {
        if let logprob { writer.value(TokenLabel.writable(logprob)) } else { writer.null() }
    }

    /// The shape of `/v1/chat/completions`: `{"content":[{token, logprob, bytes, top_logprobs}],"refusal":null}` with
    /// `id` beside `token`. `bytes` is null for a control token.
    static func writeChat(
        _ tokens: some Sequence<LabelledToken>, mode: LogprobMode, bytesOf: (Int32) -> [UInt8],
        to writer: inout JSONWriter
    ) {
        writer.object { object in
            writeMode(mode, to: &object)
            object.member(
                "content",
                array: { content in
                    for token in tokens {
                        content.object { entry in
                            writeEntry(token.id, token.text, token.logprob, token.bytes, to: &entry)
                            writeTop("top_logprobs", token.top, bytesOf: bytesOf, to: &entry)
                            if mode == .both {
                                entry.key("processed_logprob")
                                write(token.processed?.logprob, to: &entry)
                                writeTop(
                                    "processed_top_logprobs", token.processed?.top ?? [], bytesOf: bytesOf, to: &entry)
                            }
                        }
                    }
                })
            object.key("refusal")
            object.null()
        }
    }

    private static func writeTop(
        _ name: String, _ top: [(id: Int32, text: String, logprob: Float)], bytesOf: (Int32) -> [UInt8],
        to writer: inout JSONWriter
    ) {
        writer.member(
            name,
            array: { array in
                for other in top {
                    array.object { entry in
                        writeEntry(other.id, other.text, other.logprob, bytesOf(other.id), to: &entry)
                    }
                }
            })
    }

    private static func writeEntry(
        _ id: Int32, _ text: String, _ logprob: Float?, _ bytes: [UInt8], to writer: inout JSONWriter
    ) {
        writer.member("token", text)
        writer.key("logprob")
        write(logprob, to: &writer)
        if bytes.isEmpty {
            writer.key("bytes")
            writer.null()
        } else {
            writer.member("bytes", bytes)
        }
        writer.member("id", id)
    }
}
