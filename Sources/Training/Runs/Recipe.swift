// SPDX-License-Identifier: Apache-2.0

public import Checkpoints
public import StrictJSON

/// The sizes of a new model.
public struct ModelShape: Sendable, Equatable {
    /// `llama` or `gpt2`.
    public var family: ModelFamily
    /// C.
    public var width: Int
    /// Blocks.
    public var layers: Int
    /// H.
    public var heads: Int
    /// Key and value heads.
    public var kvHeads: Int
    /// D.
    public var headSize: Int
    /// The inner width of the feed-forward layer.
    public var feedForward: Int
    /// The longest sequence.
    public var context: Int
    /// V; nil: the vocabulary's.
    public var vocabularySize: Int?
    /// The base of the rotary frequencies.
    public var ropeTheta: Double
    /// The epsilon of every norm.
    public var normEpsilon: Float
    /// Whether the output head is the embedding.
    public var tie: Bool

    /// The configuration of a model of this shape.
    public func config(name: String, vocabularySize: Int) -> ModelConfig {
        let isLlama = family == .llama
        return ModelConfig(
            family: family, name: name, vocabularySize: vocabularySize, contextLength: context, width: width,
            layerCount: layers, headCount: heads, kvHeadCount: kvHeads, headSize: headSize,
            feedForwardWidth: feedForward, normEpsilon: normEpsilon,
            rope: isLlama
                ? RopeConfig(dimensions: headSize, base: ropeTheta, pairing: .halves, scaling: .none) : nil,
            activation: isLlama ? .swiGLU : .geluTanh, tiesHead: tie)
    }
}

/// How the learning rate goes.
public struct RecipeSchedule: Sendable, Equatable {
    /// The course after the warm-up.
    public enum Shape: String, Sendable {
        /// The peak throughout.
        case constant
        /// A straight line down to the end.
        case linear
        /// Half a cosine down to the end.
        case cosine
        /// The peak, then a straight line over the last steps.
        case wsd
    }

    /// The course after the warm-up.
    public var shape: Shape
    /// Steps of the warm-up.
    public var warmup: Int
    /// The last steps of wsd.
    public var decay: Int
    /// The rate at the end as a share of the peak.
    public var final: Double
}

/// The settings of AdamW.
public struct RecipeOptimizer: Sendable, Equatable {
    /// The peak.
    public var learningRate: Double
    /// The decay of the first moment.
    public var beta1: Double
    /// The decay of the second moment.
    public var beta2: Double
    /// Added to the root.
    public var epsilon: Double
    /// Decoupled decay of matrices.
    public var weightDecay: Double
    /// Whether embeddings decay too.
    public var decaysEmbeddings: Bool
    /// The largest norm of all gradients; nil: no limit.
    public var clip: Double?
}

/// A training run as a file says it: what to train, on what, how.
public struct Recipe: Sendable, Equatable {
    /// How weights are stored in a file made of the model.
    public enum Precision: String, Sendable {
        /// binary32.
        case f32
        /// binary16.
        case f16
        /// bfloat16.
        case bf16
        /// Blocks of 32 8-bit integers with a scale.
        case q8_0
    }

    /// The model's name.
    public var name: String
    /// The vocabulary's file.
    public var tokenizer: String
    /// The sizes of a new model; nil where it starts from a checkpoint.
    public var model: ModelShape?
    /// The checkpoint that training starts from.
    public var initFrom: String?
    /// The data.
    public var sources: [DataSource]
    /// T; nil: the model's context.
    public var sequenceLength: Int?
    /// Whether attention and loss end where a document does.
    public var keepsBoundaries: Bool
    /// The shares of validation and test.
    public var splitRule: SplitRule
    /// Where token ids are kept; nil: in the run's folder.
    public var cache: String?
    /// Steps of the optimizer.
    public var steps: Int
    /// Tokens of a step.
    public var batchTokens: Int
    /// Batches of a step.
    public var accumulation: Int
    /// Decides first weights and order.
    public var seed: UInt64
    /// Whether blocks are computed again in the backward pass.
    public var recomputes: Bool
    /// AdamW's settings.
    public var optimizer: RecipeOptimizer
    /// The learning rate's course.
    public var schedule: RecipeSchedule
    /// Steps between measures of the validation loss.
    public var evaluationInterval: Int
    /// Sequences of a measure.
    public var evaluationSequences: Int
    /// Steps between checkpoints.
    public var checkpointInterval: Int
    /// How many of the last are kept.
    public var keptCheckpoints: Int
    /// The type of weights in model.safetensors.
    public var precision: Precision
    /// The type of matrices in the GGUF file; nil: no such file.
    public var gguf: Precision?
    /// Every field with its value, defaults included, in the order of the schema.
    public var values: [Value]

    /// A field and its value.
    public struct Value: Sendable, Equatable {
        /// Where the field stands.
        public var path: String
        /// Its value.
        public var value: JSON
    }

    /// Reads a recipe. Paths in it count from `folder`.
    ///
    /// - Throws: ``RecipeError`` with all faults that can be told at once.
    public init(_ json: JSON, folder: String) throws(RecipeError) {
        var reader = RecipeReader(json)
        guard reader.faults.isEmpty else { throw RecipeError(faults: reader.faults) }
        let values = RecipeValues(reader.values)
        name = values.text("name")
        tokenizer = Self.path(values.text("tokenizer"), in: folder)
        initFrom = values.optional("init_from")?.stringValue.map { Self.path($0, in: folder) }
        model = initFrom == nil ? Self.shape(values) : nil
        sources = (0..<reader.sourceCount).map { Self.source(values, $0, folder) }
        sequenceLength = values.optionalInteger("data.sequence_length") ?? model?.context
        keepsBoundaries = values.flag("data.boundaries")
        splitRule = SplitRule(validation: values.number("data.validation"), test: values.number("data.test"))
        cache = values.optional("data.cache")?.stringValue.map { Self.path($0, in: folder) }
        steps = values.integer("train.steps")
        batchTokens = values.integer("train.batch_tokens")
        accumulation =
            values.optionalInteger("train.accumulation")
            ?? Self.accumulation(batchTokens: batchTokens, sequenceLength: sequenceLength)
        seed = UInt64(values.integer("train.seed"))
        recomputes = values.flag("train.recompute")
        let clip = values.number("optimizer.clip")
        optimizer = RecipeOptimizer(
            learningRate: values.number("optimizer.learning_rate"), beta1: values.number("optimizer.beta1"),
            beta2: values.number("optimizer.beta2"), epsilon: values.number("optimizer.epsilon"),
            weightDecay: values.number("optimizer.weight_decay"),
            decaysEmbeddings: values.flag("optimizer.decay_embeddings"), clip: clip == 0 ? nil : clip)
        schedule = RecipeSchedule(
            shape: RecipeSchedule.Shape(rawValue: values.text("schedule.shape")) ?? .constant,
            warmup: values.integer("schedule.warmup"),
            decay: values.optionalInteger("schedule.decay") ?? max(1, steps / 5), final: values.number("schedule.final")
        )
        evaluationInterval = values.optionalInteger("evaluation.every") ?? max(1, steps / 10)
        evaluationSequences = values.integer("evaluation.sequences")
        checkpointInterval = values.optionalInteger("checkpoint.every") ?? max(1, steps / 10)
        keptCheckpoints = values.integer("checkpoint.keep")
        precision = Precision(rawValue: values.text("output.precision")) ?? .f32
        gguf = Precision(rawValue: values.text("output.gguf"))
        self.values = reader.values.map { Value(path: $0.path, value: $0.value) }
        check(values, &reader)
        guard reader.faults.isEmpty else { throw RecipeError(faults: reader.faults) }
    }

    /// The fewest batches of at most a pass of a ``Trainer``, or a sequence, each.
    private static func accumulation(batchTokens: Int, sequenceLength: Int?) -> Int {
        guard let length = sequenceLength, batchTokens % length == 0 else { return 1 }
        let sequences = batchTokens / length
        let most = max(1, TrainerOptions().rowsPerPass / length)
        return (1...sequences).first { sequences % $0 == 0 && sequences / $0 <= most } ?? sequences
    }

    private static func shape(_ values: RecipeValues) -> ModelShape {
        let heads = values.integer("model.heads")
        let width = values.integer("model.width")
        return ModelShape(
            family: values.text("model.family") == "gpt2" ? .gpt2 : .llama, width: width,
            layers: values.integer("model.layers"), heads: heads,
            kvHeads: values.optionalInteger("model.kv_heads") ?? heads,
            headSize: values.optionalInteger("model.head_size") ?? width / heads,
            feedForward: values.integer("model.feed_forward"), context: values.integer("model.context"),
            vocabularySize: values.optionalInteger("model.vocabulary_size"),
            ropeTheta: values.number("model.rope_theta"), normEpsilon: Float(values.number("model.norm_epsilon")),
            tie: values.flag("model.tie"))
    }

    private static func source(_ values: RecipeValues, _ index: Int, _ folder: String) -> DataSource {
        let prefix = "data.sources[\(index)]."
        let path = values.text(prefix + "path")
        let separator = values.text(prefix + "separator")
        let format: DocumentFormat =
            switch values.optional(prefix + "format")?.stringValue {
            case "jsonl": .jsonl
            case "text": .text(separator: separator)
            default: .ofFile(named: path, separator: separator)
            }
        return DataSource(
            path: self.path(path, in: folder), format: format,
            weight: values.optional(prefix + "weight")?.doubleValue,
            parsesSpecial: values.flag(prefix + "parse_special"),
            use: DataSource.Use(rawValue: values.text(prefix + "use")) ?? .split)
    }

    private static func path(_ path: String, in folder: String) -> String {
        path.hasPrefix("/") ? path : FilePath.join(folder, path)
    }

    // MARK: Fields together

    private func check(_ values: RecipeValues, _ reader: inout RecipeReader) {
        if let model { Self.check(model, given: reader.given, &reader) }
        if splitRule.validation + splitRule.test >= 1 {
            reader.fault("data.test", "expected less than 1 together with data.validation, found \(splitRule.test)")
        }
        let weighted = sources.count { $0.weight != nil }
        if weighted > 0, weighted < sources.count {
            for (index, source) in sources.enumerated() where source.weight == nil {
                reader.fault("data.sources[\(index)].weight", "missing: other sources have one")
            }
        }
        if sources.allSatisfy({ $0.use == .validation }) {
            reader.fault("data.sources", "expected a source that is not for validation alone")
        }
        if let model, let length = sequenceLength, length > model.context {
            reader.fault("data.sequence_length", "expected at most model.context, \(model.context), found \(length)")
        }
        if let length = sequenceLength { Self.checkBatch(batchTokens, length, accumulation) { reader.fault($0, $1) } }
        if sequenceLength == nil, !reader.given.contains("train.accumulation") {
            // Known only with the checkpoint; a fixed number is the clearer thing there.
            reader.fault("train.accumulation", "needed with init_from where data.sequence_length is absent")
        }
        if schedule.warmup > steps {
            reader.fault("schedule.warmup", "expected at most train.steps, \(steps), found \(schedule.warmup)")
        } else if schedule.shape == .wsd, schedule.warmup + schedule.decay > steps {
            reader.fault(
                "schedule.decay",
                "expected at most train.steps less schedule.warmup, \(steps - schedule.warmup), found \(schedule.decay)"
            )
        }
        if schedule.shape != .wsd, reader.given.contains("schedule.decay") {
            reader.fault("schedule.decay", "only with schedule.shape \"wsd\"")
        }
    }

    /// Checks that a step is whole sequences in equal batches.
    static func checkBatch(_ tokens: Int, _ length: Int, _ accumulation: Int, _ fault: (String, String) -> Void) {
        if tokens % (length * accumulation) != 0 {
            fault(
                "train.batch_tokens",
                "expected a multiple of sequence_length × accumulation, \(length) × \(accumulation), found \(tokens)")
        }
    }

    private static func check(_ model: ModelShape, given: Set<String>, _ reader: inout RecipeReader) {
        let heads = model.heads
        if model.family == .gpt2 {
            for field in ["kv_heads", "head_size", "rope_theta"] where given.contains("model." + field) {
                reader.fault("model." + field, "only with model.family \"llama\"")
            }
        }
        if !given.contains("model.head_size"), model.width % heads != 0 {
            reader.fault("model.heads", "expected a divisor of model.width, \(model.width), found \(heads)")
        } else if model.family == .llama, model.headSize < 2 || model.headSize % 2 != 0 {
            reader.fault("model.head_size", "expected an even number of 2 and more, found \(model.headSize)")
        }
        if heads % model.kvHeads != 0 {
            reader.fault("model.kv_heads", "expected a divisor of model.heads, \(heads), found \(model.kvHeads)")
        }
    }
}

/// Values of fields that were read, by path. Fields and types are those of the schema, so that a value is there.
struct RecipeValues {
    private let byPath: [String: JSON]

    init(_ values: [(path: String, value: JSON)]) {
        byPath = Dictionary(values.map { ($0.path, $0.value) }) { first, _ in first }
    }

    func optional(_ path: String) -> JSON? { byPath[path] }
    func optionalInteger(_ path: String) -> Int? { byPath[path]?.integerValue.flatMap { Int(exactly: $0) } }

    func integer(_ path: String) -> Int { checked(path, optionalInteger(path)) }
    func number(_ path: String) -> Double { checked(path, byPath[path]?.doubleValue) }
    func flag(_ path: String) -> Bool { checked(path, byPath[path]?.boolValue) }
    func text(_ path: String) -> String { checked(path, byPath[path]?.stringValue) }

    private func checked<Value>(_ path: String, _ value: Value?) -> Value {
        guard let value else { preconditionFailure("\(path) is not a field that always has a value of this type") }
        return value
    }
}

extension Recipe {
    /// The recipe with all defaults as one flat object, as it is kept in a run's folder.
    public var effective: JSON {
        var object = JSONObject()
        for value in values { object[value.path] = value.value }
        return .object(object)
    }

    /// The fields in which this recipe differs from ``effective`` of another, in words.
    public func changes(since other: JSON) -> [String] {
        var changes: [String] = []
        for value in values where other[value.path] != value.value {
            let before = other[value.path].map(RecipeSchema.spelling) ?? "absent"
            changes.append("\(value.path) was \(before), is \(RecipeSchema.spelling(value.value))")
        }
        let paths = Set(values.map(\.path))
        for (path, value) in other.objectValue?.members ?? JSONObject().members where !paths.contains(path) {
            changes.append("\(path) was \(RecipeSchema.spelling(value)), is absent")
        }
        return changes
    }
}
