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
            Tensors get the types that llama.cpp's quantizer gives them, and llama.cpp reads what is written: vectors are \
            F32, the output head is Q6_K beside four bits, and q4_k_m also keeps more bits of some layers. Nothing is \
            gained by going back from a type with fewer bits to one with more.
            """)

    @Argument(help: "A checkpoint: a GGUF file, a Hugging Face folder, a llama2.c file.")
    var input: String

    @Argument(help: "The GGUF file to write.")
    var output: String

    @Option(help: "f32, f16, bf16, q8_0, q4_0 or q4_k_m.")
    var type: String

    @Option(help: "The vocabulary's file where it is not beside the checkpoint. [TEMPER_TOKENIZER]")
    var tokenizer: String?

    @Option(help: "Threads that convert. [TEMPER_THREADS; default: one per core]")
    var threads: Int?

    @Flag(help: "Replaces OUTPUT if it is there.")
    var force = false

    /// Finds every value that cannot be before anything is read.
    func validate() throws {
        _ = try scheme()
        _ = try threadCount()
    }

    func run() throws {
        let scheme = try scheme()
        // A write past a limit of the file size is to fail, as one on a full disk does.
        signal(SIGXFSZ, SIG_IGN)
        guard force || access(output, F_OK) != 0 else { throw Failure("\(output) is there; --force replaces it") }
        do {
            var checkpoint = try Checkpoint.open(
                path: input, tokenizer: try Environment.value(tokenizer, "TOKENIZER"))
            try checkMemory(checkpoint, scheme)
            if case .huggingFace = checkpoint.tokenizer, let size = checkpoint.config?.vocabularySize {
                checkpoint.tokenizer = try checkpoint.tokenizer.map { source in
                    .gguf(try source.ggufVocabulary(vocabularySize: size))
                }
            }
            let before = checkpoint.tensors.values.reduce(0) { $0 + $1.byteCount }
            let pool = WorkerPool(threadCount: try threadCount())
            var writer = try GGUFWriter(try checkpoint.quantized(to: scheme, on: pool))
            writer.set("general.file_type", .uint32(scheme.fileType))
            if scheme.isQuantized { writer.set("general.quantization_version", .uint32(2)) }
            try writer.write(to: output)
            let after = writer.tensors.reduce(0) { $0 + $1.tensor.byteCount }
            Terminal.write("\(output): \(ByteCount.words(before)) of weights became \(ByteCount.words(after))\n")
        } catch let error as CheckpointError {
            throw Failure(error, at: input)
        } catch let error as TokenizerError {
            throw Failure(error, at: input)
        }
    }

    private func scheme() throws -> QuantizationScheme {
        guard let scheme = QuantizationScheme(rawValue: type.lowercased()) else {
            let names = QuantizationScheme.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--type must be one of \(names)")
        }
        return scheme
    }

    private func threadCount() throws -> Int {
        let threads = try Environment.value(threads, "THREADS") ?? EngineFlags.coreCount
        guard (1...256).contains(threads) else { throw ValidationError("--threads must be from 1 to 256") }
        return threads
    }

    /// The new weights are in memory until they are written.
    private func checkMemory(_ checkpoint: Checkpoint, _ scheme: QuantizationScheme) throws {
        guard let needed = checkpoint.byteCount(in: scheme) else { return }
        let memory = AvailableMemory.now()
        for bytes in [memory.memoryBytes, memory.addressSpaceBytes].compactMap({ $0 }) where needed > bytes {
            throw Failure(
                "the new weights take \(ByteCount.words(needed)) of memory, and \(ByteCount.words(bytes)) are available"
            )
        }
    }
}
