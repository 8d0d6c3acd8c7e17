// SPDX-License-Identifier: Apache-2.0

import StrictJSON

/// All fields of a recipe, in the order of docs/training.md.
public enum RecipeSchema {
    /// The fields.
    public static let fields: [RecipeField] =
        top + model + data + training + optimizer + schedule + evaluation + checkpoint + output

    private static let top = [
        RecipeField("name", .text(limit: 128), .value(.string("model")), "The model's name in the files made of it."),
        RecipeField(
            "tokenizer", .path, .required, "The vocabulary: a tokenizer.json or its folder, or a GGUF file."),
        RecipeField(
            "init_from", .path, .derived("a new model as `model` says"),
            "A checkpoint whose weights training starts from; then there is no `model`."),
    ]

    private static let model = [
        RecipeField("model.family", .choice(["llama", "gpt2"]), .required, "The architecture."),
        RecipeField("model.width", .integer(8...16_384), .required, "The width of the residual stream."),
        RecipeField("model.layers", .integer(1...256), .required, "Blocks."),
        RecipeField("model.heads", .integer(1...256), .required, "Query heads of a block."),
        RecipeField(
            "model.kv_heads", .integer(1...256), .derived("as many as `heads`"),
            "Key and value heads; a divisor of `heads`. Llama only."),
        RecipeField(
            "model.head_size", .integer(2...1024), .derived("`width` / `heads`"),
            "The size of a head; even. Llama only."),
        RecipeField(
            "model.feed_forward", .integer(8...131_072), .required, "The inner width of the feed-forward layer."),
        RecipeField("model.context", .integer(2...1_048_576), .required, "The longest sequence the model is made for."),
        RecipeField(
            "model.vocabulary_size", .integer(2...4_194_304), .derived("the vocabulary's"),
            "Rows of the embedding; not fewer than the vocabulary has ids."),
        RecipeField(
            "model.rope_theta", .number(1...1e9), .value(.number(10_000)),
            "The base of the rotary frequencies. Llama only."),
        RecipeField("model.norm_epsilon", .number(1e-9...0.1), .value(.number(1e-5)), "The epsilon of every norm."),
        RecipeField("model.tie", .flag, .value(.bool(true)), "The output head is the embedding."),
    ]

    private static let data = [
        RecipeField("data.sources[].path", .path, .required, "A file of text or JSONL."),
        RecipeField(
            "data.sources[].format", .choice(["text", "jsonl"]), .derived("by the file's name: jsonl for `.jsonl`"),
            "How the file is cut into documents, see above."),
        RecipeField(
            "data.sources[].separator", .text(limit: 256, mayBeEmpty: true), .value(.string("<|endoftext|>")),
            "The line that stands between documents of a text; empty: lines of white space."),
        RecipeField(
            "data.sources[].weight", .number(0...1e9, isOpen: true), .derived("in proportion to its tokens"),
            "Its share of the sequences, in proportion to those of the other sources; all have one, or none."),
        RecipeField(
            "data.sources[].parse_special", .flag, .value(.bool(false)),
            "The spelling of a control token in the text is that token."),
        RecipeField(
            "data.sources[].use", .choice(["split", "train", "validation"]), .value(.string("split")),
            "Documents are dealt out by the hash of their text, or are all for one purpose."),
        RecipeField(
            "data.sequence_length", .integer(2...1_048_576), .derived("the model's context"),
            "Tokens of a sequence; at most the model's context."),
        RecipeField(
            "data.boundaries", .flag, .value(.bool(true)),
            "Attention, positions and loss end where a document does. Else a sequence is one text."),
        RecipeField(
            "data.validation", .number(0...0.5), .value(.number(0.02)), "The share of documents kept for validation."),
        RecipeField(
            "data.test", .number(0...0.5), .value(.number(0)), "The share of documents that is never looked at."),
        RecipeField(
            "data.cache", .path, .derived("`cache` in the run's folder"),
            "Where token ids are kept, so that a text is read but once; runs may share it."),
    ]

    private static let training = [
        RecipeField("train.steps", .integer(1...100_000_000), .required, "Steps of the optimizer."),
        RecipeField(
            "train.batch_tokens", .integer(2...67_108_864), .required,
            "Tokens of a step; a multiple of `sequence_length` × `accumulation`."),
        RecipeField(
            "train.accumulation", .integer(1...65_536), .derived("batches of 1,024 tokens or of a sequence"),
            "Into how many batches a step is cut; more take less memory, the result is the same but for rounding."),
        RecipeField(
            "train.seed", .integer(0...Int(Int32.max)), .value(.integer(0)),
            "Decides the first weights and the order of the data."),
        RecipeField(
            "train.recompute", .flag, .value(.bool(false)),
            "Blocks are computed again in the backward pass instead of being kept: less memory, a third more time."),
    ]

    private static let optimizer = [
        RecipeField(
            "optimizer.learning_rate", .number(0...10, isOpen: true), .value(.number(1e-3)), "AdamW's step at its peak."
        ),
        RecipeField("optimizer.beta1", .number(0...0.9999), .value(.number(0.9)), "The decay of the first moment."),
        RecipeField("optimizer.beta2", .number(0...0.99999), .value(.number(0.95)), "The decay of the second moment."),
        RecipeField("optimizer.epsilon", .number(0...1, isOpen: true), .value(.number(1e-8)), "Added to the root."),
        RecipeField(
            "optimizer.weight_decay", .number(0...10), .value(.number(0.1)),
            "Decoupled decay of matrices; norms and biases have none."),
        RecipeField("optimizer.decay_embeddings", .flag, .value(.bool(false)), "Embeddings decay too."),
        RecipeField(
            "optimizer.clip", .number(0...1e9), .value(.number(1)),
            "The largest norm of all gradients together; 0: no limit."),
    ]

    private static let schedule = [
        RecipeField(
            "schedule.shape", .choice(["constant", "linear", "cosine", "wsd"]), .value(.string("cosine")),
            "How the learning rate falls after the warm-up; wsd: constant, then linear over the last `decay` steps."),
        RecipeField(
            "schedule.warmup", .integer(0...100_000_000), .value(.integer(0)),
            "Steps over which the rate rises in proportion."),
        RecipeField(
            "schedule.decay", .integer(0...100_000_000), .derived("a fifth of the steps"),
            "The last steps of wsd, over which the rate falls."),
        RecipeField(
            "schedule.final", .number(0...1), .value(.number(0.1)), "The rate at the end, as a share of the peak."),
    ]

    private static let evaluation = [
        RecipeField(
            "evaluation.every", .integer(1...100_000_000), .derived("a tenth of the steps"),
            "Steps between two measures of the validation loss; it is also measured at the end."),
        RecipeField(
            "evaluation.sequences", .integer(1...1_048_576), .value(.integer(32)),
            "Sequences of a measure, all sources together."),
    ]

    private static let checkpoint = [
        RecipeField(
            "checkpoint.every", .integer(1...100_000_000), .derived("a tenth of the steps"),
            "Steps between two checkpoints; there is also one at the end."),
        RecipeField("checkpoint.keep", .integer(1...1_000_000), .value(.integer(2)), "How many of the last are kept."),
    ]

    private static let output = [
        RecipeField(
            "output.precision", .choice(["f32", "f16", "bf16"]), .value(.string("f32")),
            "How weights are stored in model.safetensors."),
        RecipeField(
            "output.gguf", .choice(["none", "f32", "f16", "q8_0"]), .value(.string("f16")),
            "How matrices are stored in the GGUF file; vectors are F32. q8_0 needs rows of a multiple of 32."),
    ]

    /// The table of docs/training.md.
    public static var markdown: String {
        var text = "| field | allowed | default | meaning |\n|---|---|---|---|\n"
        for field in fields {
            let fallback =
                switch field.fallback {
                case .required: field.path.hasPrefix("model.") ? "required, unless `init_from`" : "required"
                case .value(let value): "`\(spelling(value))`"
                case .derived(let words): words
                }
            let cells = ["`\(field.path)`", field.allowed, fallback, field.meaning]
            text += "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |\n"
        }
        return text
    }

    /// A value as JSON has it, whole numbers without a fraction.
    static func spelling(_ value: JSON) -> String {
        var writer = JSONWriter()
        writer.value(value.integerValue.map { .integer($0) } ?? value)
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}

extension String {
    fileprivate func replacing(_ character: Character, with text: String) -> String {
        map { $0 == character ? text : String($0) }.joined()
    }
}
