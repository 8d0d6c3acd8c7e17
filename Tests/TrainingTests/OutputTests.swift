// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Compute
import Foundation
import StrictJSON
import Testing
import Tokenizers
import Training

@Suite("Converted weights")
struct ConversionTests {
    static func tensor(_ values: [Float]) throws -> Tensor {
        let storage = Storage(byteCount: values.count * 4) { memory in
            values.withUnsafeBytes { memory.copyMemory(from: $0) }
        }
        return try #require(Tensor(storage: storage, byteOffset: 0, type: .f32, shape: [values.count / 32, 32]))
    }

    static func bytes(hexadecimal text: String?) throws -> [UInt8] {
        let digits = try #require(text).compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    @Test("to block types are those of the package gguf, byte for byte", arguments: [ElementType.q8_0, .q4_0])
    func golden(type: ElementType) throws {
        let json = try Fixture.json("blocks.json")
        let floats = try Self.bytes(hexadecimal: json["floats"]?.stringValue).withUnsafeBytes { bytes in
            (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self) }
        }
        let converted = try #require(try Self.tensor(floats).converted(to: type))
        let blocks = [UInt8](UnsafeRawBufferPointer(start: converted.address, count: converted.byteCount))
        #expect(blocks == (try Self.bytes(hexadecimal: json[type.name]?.stringValue)))
    }

    @Test(
        "to types of searched scales are as close as ggml's, and the same bytes",
        arguments: [ElementType.q5_0, .q4_K, .q5_K, .q6_K])
    func superblocks(type: ElementType) throws {
        let json = try Fixture.json("superblocks.json")
        let floats = try Self.bytes(hexadecimal: json["floats"]?.stringValue).withUnsafeBytes { bytes in
            (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self) }
        }
        let rows = floats.count / 256
        let storage = Storage(byteCount: floats.count * 4) { memory in
            floats.withUnsafeBytes { memory.copyMemory(from: $0) }
        }
        let tensor = try #require(Tensor(storage: storage, byteOffset: 0, type: .f32, shape: [rows, 256]))
        let ours = try #require(tensor.converted(to: type, on: WorkerPool(threadCount: 2)))
        let golden = try Self.bytes(hexadecimal: json[type.name]?.stringValue)
        #expect(golden.count == ours.byteCount)
        let theirs = try #require(
            Tensor(
                storage: Storage(byteCount: golden.count) { $0.copyBytes(from: golden) }, byteOffset: 0, type: type,
                shape: [rows, 256]))
        let (left, right) = (Self.floats(ours), Self.floats(theirs))
        var sameBlocks = 0
        for row in 0..<rows {
            func error(_ values: [Float]) -> Double {
                (row * 256..<(row + 1) * 256).reduce(0) {
                    $0 + Double((values[$1] - floats[$1]) * (values[$1] - floats[$1]))
                }
            }
            #expect(error(left) <= error(right) * 1.001, "row \(row)")
            let bytes = row * ours.rowBytes..<(row + 1) * ours.rowBytes
            sameBlocks +=
                bytes.allSatisfy { ours.address.load(fromByteOffset: $0, as: UInt8.self) == golden[$0] } ? 1 : 0
        }
        // Another compiler may contract sums of products: then a search may end one step beside.
        #expect(sameBlocks == rows, "\(sameBlocks) of \(rows)")
    }

    static func floats(_ tensor: Tensor) -> [Float] {
        [Float](unsafeUninitializedCapacity: tensor.elementCount) { values, count in
            if let base = values.baseAddress { Kernels.dequantize(tensor, into: base) }
            count = tensor.elementCount
        }
    }

    @Test("to binary16 and bfloat16 are rounded to nearest, ties to even")
    func halves() throws {
        let values: [Float] = [
            1, -2, 1.0009765625, 1.00048828125, 1.00146484375, 65504, 65519.996, 65520, 1e-8, 6e-8, -0.0, .infinity,
        ]
        let floats = try Self.tensor(values + [Float](repeating: 0, count: 20))
        func halves(_ type: ElementType) throws -> [UInt16] {
            let tensor = try #require(floats.converted(to: type))
            return values.indices.map { tensor.address.loadUnaligned(fromByteOffset: $0 * 2, as: UInt16.self) }
        }
        #expect(
            try halves(.f16) == [
                0x3C00, 0xC000, 0x3C01, 0x3C00, 0x3C02, 0x7BFF, 0x7BFF, 0x7C00, 0, 1, 0x8000, 0x7C00,
            ])
        #expect(
            try halves(.bf16) == [
                0x3F80, 0xC000, 0x3F80, 0x3F80, 0x3F80, 0x4780, 0x4780, 0x4780, 0x322C, 0x3381, 0x8000, 0x7F80,
            ])
        #expect(try Self.tensor([1, .nan] + [Float](repeating: 0, count: 30)).converted(to: .bf16) != nil)
        #expect(floats.converted(to: .q4_1) == nil)
    }
}

@Suite("Vocabularies as GGUF")
struct GGUFVocabularyTests {
    @Test("give the ids of tokenizer.json", arguments: WordRule.allCases)
    func sameIDs(rule: WordRule) throws {
        let vocabulary = try makeVocabulary(rule: rule, special: ["<|end|>"], bos: "<|begin|>")
        let tokenizer = try vocabulary.tokenizer()
        let source = TokenizerSource.huggingFace(
            tokenizer: vocabulary.tokenizerJSON, config: vocabulary.configJSON, generationConfig: nil,
            chatTemplate: "{{ messages }}")
        // Two rows more than there are pieces.
        let gguf = try source.ggufVocabulary(vocabularySize: tokenizer.vocabularySize + 2)
        #expect(gguf.preTokenizer == rule.ggufName && gguf.addsBOS == true && gguf.addsEOS == false)
        #expect(gguf.chatTemplate == "{{ messages }}")
        #expect(gguf.pieces.suffix(2) == ["[PAD420]", "[PAD421]"] && gguf.kinds.suffix(2) == [.unused, .unused])
        let converted = try makeTokenizer(from: .gguf(gguf), vocabularySize: nil)
        #expect(converted.eosID == tokenizer.eosID && converted.bosID == tokenizer.bosID)
        let golden = try Fixture.json("vocabularies.json")
        for sample in try #require(golden["samples"]?.arrayValue).compactMap(\.stringValue) {
            #expect(
                converted.encode(sample, addSpecial: true, parseSpecial: true)
                    == tokenizer.encode(sample, addSpecial: true, parseSpecial: true))
        }
    }

    @Test("that llama.cpp has no name for are refused")
    func refused() throws {
        var model = JSONObject()
        let json = try makeVocabulary().tokenizerJSON
        for (key, value) in try #require(json.objectValue).members {
            model[key] =
                key == "normalizer"
                ? JSON(members: ["type": .string("Prepend"), "prepend": .string("x")]) : value
        }
        let source = TokenizerSource.huggingFace(
            tokenizer: .object(model), config: nil, generationConfig: nil, chatTemplate: nil)
        #expect(throws: TokenizerError.self) { try source.ggufVocabulary(vocabularySize: 420) }
    }
}

@Suite("The files of a model")
struct ModelOutputTests {
    @Test("are read back with the weights and the vocabulary of the run", arguments: ["f32", "f16", "q8_0"])
    func readBack(precision: String) throws {
        let fixture = try RunFixture()
        let changes: KeyValuePairs<String, JSON?> = [
            "model.width": .integer(32), "output.gguf": .string(precision), "output.precision": .string("bf16"),
            "train.steps": .integer(2), "checkpoint.every": .integer(1),
        ]
        _ = try fixture.session("run", changes).run(isStopped: { false })
        let folder = try Checkpoint.open(path: fixture.path("run/model"))
        let gguf = try Checkpoint.open(path: fixture.path("run/model.gguf"))
        let config = try #require(folder.config)
        #expect(config.width == 32 && config.headSize == 16 && config.kvHeadCount == 2 && config.tiesHead)
        #expect(gguf.config?.vocabularySize == 300 && gguf.config?.contextLength == 32 && gguf.config?.name == "tiny")
        #expect(folder.tensors["blk.0.ffn_up.weight"]?.type == .bf16)
        #expect(gguf.tensors["blk.0.ffn_up.weight"]?.type.name.lowercased() == precision)
        #expect(gguf.tensors["output_norm.weight"]?.type == .f32)
        // The precisions differ by less than a step of either, 1/127 of a block's largest value and 1/256 of a value.
        for name in ["token_embd.weight", "blk.0.ffn_down.weight"] {
            let (left, right) = (try floats(folder, name), try floats(gguf, name))
            let largest = left.map(abs).max() ?? 0
            #expect(zip(left, right).allSatisfy { abs($0 - $1) < 0.01 * largest } && largest > 0.1)
        }
        let text = "Anna saw the fox. 123"
        let tokenizers = try [folder, gguf].map {
            try makeTokenizer(from: try #require($0.tokenizer), vocabularySize: 300)
        }
        let ids = tokenizers.map { $0.encode(text, addSpecial: true, parseSpecial: true) }
        #expect(ids[0] == ids[1] && tokenizers[0].eosID == 0 && tokenizers[1].eosID == 0)
        #expect(folder.generationConfig?["eos_token_id"]?.integerValue == 0)
    }

    private func floats(_ checkpoint: Checkpoint, _ name: String) throws -> [Float] {
        ConversionTests.floats(try #require(checkpoint.tensors[name]))
    }
}
