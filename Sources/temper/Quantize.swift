// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Checkpoints
import Compute
import Engine
import Glibc
import Tokenizers

/// `temper quantize`.
struct Quantize: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Writes a checkpoint as GGUF with its matrices in another type.",
        discussion: """
            Vectors become F32; beside Q4_0, the output head becomes Q8_0. llama.cpp reads what is written. Of a type \
            with fewer bits nothing is gained by going back to one with more.
            """)

    @Argument(help: "A checkpoint: a GGUF file, a Hugging Face folder, a llama2.c file.")
    var input: String

    @Argument(help: "The GGUF file to write.")
    var output: String

    @Option(help: "f32, f16, bf16, q8_0 or q4_0.")
    var type: String

    @Option(help: "The vocabulary's file where it is not beside the checkpoint. [TEMPER_TOKENIZER]")
    var tokenizer: String?

    @Flag(help: "Replaces OUTPUT if it is there.")
    var force = false

    func run() throws {
        guard let type = ElementType.writable.first(where: { $0.name == type.uppercased() }) else {
            throw ValidationError(
                "--type must be one of \(ElementType.writable.map { $0.name.lowercased() }.joined(separator: ", "))")
        }
        guard force || access(output, F_OK) != 0 else { throw Failure("\(output) is there; --force replaces it") }
        do {
            var checkpoint = try Checkpoint.open(path: input, tokenizer: tokenizer ?? Environment.text("TOKENIZER"))
            try checkMemory(checkpoint, type)
            if case .huggingFace = checkpoint.tokenizer, let size = checkpoint.config?.vocabularySize {
                checkpoint.tokenizer = try checkpoint.tokenizer.map { source in
                    .gguf(try source.ggufVocabulary(vocabularySize: size))
                }
            }
            let before = checkpoint.tensors.values.reduce(0) { $0 + $1.byteCount }
            var writer = try GGUFWriter(try checkpoint.quantized(to: type))
            if let fileType = type.fileType { writer.set("general.file_type", .uint32(fileType)) }
            if type.blockSize > 1 { writer.set("general.quantization_version", .uint32(2)) }
            try writer.write(to: output)
            let after = writer.tensors.reduce(0) { $0 + $1.tensor.byteCount }
            Terminal.write("\(output): \(ByteCount.words(before)) of weights became \(ByteCount.words(after))\n")
        } catch {
            throw Failure("\(input): \(error)")
        }
    }

    /// The new weights are in memory until they are written.
    private func checkMemory(_ checkpoint: Checkpoint, _ type: ElementType) throws {
        let elements = checkpoint.tensors.values.reduce(0) { $0 + $1.elementCount }
        let needed = Int(Double(elements) * Double(type.blockBytes) / Double(type.blockSize))
        guard let available = MemoryPlan.availableBytes(), needed > available else { return }
        let (need, have) = (ByteCount.words(needed), ByteCount.words(available))
        throw Failure("the new weights take \(need) of memory, and \(have) are available")
    }
}
