// SPDX-License-Identifier: Apache-2.0

import Checkpoints
public import Compute
public import Tokenizers

/// A file of training data and how it is used.
public struct DataSource: Sendable, Equatable {
    /// How the documents of a file are dealt out.
    public enum Use: String, Sendable, CaseIterable {
        /// By ``SplitRule``.
        case split
        /// All for training.
        case train
        /// All for validation.
        case validation
    }

    /// The file.
    public var path: String
    /// How it is cut into documents.
    public var format: DocumentFormat
    /// Its share of the sequences in proportion to the others'; nil: in proportion to its tokens.
    public var weight: Double?
    /// Whether the spelling of a control token in it is that token.
    public var parsesSpecial: Bool
    /// What its documents are for.
    public var use: Use

    /// A source of the given parts; nothing is checked.
    public init(
        path: String, format: DocumentFormat, weight: Double? = nil, parsesSpecial: Bool = false, use: Use = .split
    ) {
        self.path = path
        self.format = format
        self.weight = weight
        self.parsesSpecial = parsesSpecial
        self.use = use
    }
}

/// How data becomes sequences, beside the sources themselves.
public struct DataOptions: Sendable {
    /// The shares of validation and test.
    public var splitRule: SplitRule
    /// T: tokens of a sequence.
    public var sequenceLength: Int
    /// Whether attention and loss end where a document does.
    public var keepsBoundaries: Bool
    /// Decides the order of sequences.
    public var seed: UInt64
    /// Where token caches are kept.
    public var cacheFolder: String

    /// Options of the given parts.
    public init(
        splitRule: SplitRule, sequenceLength: Int, keepsBoundaries: Bool, seed: UInt64, cacheFolder: String
    ) {
        self.splitRule = splitRule
        self.sequenceLength = sequenceLength
        self.keepsBoundaries = keepsBoundaries
        self.seed = seed
        self.cacheFolder = cacheFolder
    }
}

/// The data of a run: tokenized once, split, packed and mixed.
///
/// The sequences of a step are a pure function of data, options, seed and step; there is no other state.
public struct TrainingData: Sendable {
    /// What a source holds.
    public struct SourceReport: Sendable, Equatable {
        /// The file.
        public var path: String
        /// The hash of what its tokens depend on: contents, vocabulary, format.
        public var key: UInt64
        /// Its part for training.
        public var train: PartCounts
        /// Its part for validation.
        public var validation: PartCounts
        /// How many documents are kept for the test.
        public var testDocuments: Int
        /// Its share of the training sequences.
        public var share: Double
    }

    /// One report per source.
    public let sources: [SourceReport]
    private let train: [PackedSource]
    private let validation: [PackedSource]
    private let trainIndices: [Int]
    private let validationIndices: [Int]
    private let mixture: Mixture
    private let validationShares: [Double]
    private let options: DataOptions

    /// Reads, tokenizes where the cache folder has nothing yet, and packs `sources`.
    ///
    /// - Parameters:
    ///   - fingerprint: the hash of the vocabulary, see ``TokenizerSource/fingerprint``.
    ///   - note: told in words what takes time, or is amiss without being an error.
    /// - Throws: ``TrainingDataError``.
    public init(
        _ sources: [DataSource], tokenizer: any Tokenizer, fingerprint: UInt64, options: DataOptions, pool: WorkerPool,
        note: (String) -> Void
    ) throws(TrainingDataError) {
        let shape = SequenceShape(length: options.sequenceLength, keepsBoundaries: options.keepsBoundaries)
        let rule = options.splitRule
        var reports: [SourceReport] = []
        var parts: (train: [PackedSource], validation: [PackedSource]) = ([], [])
        var indices: (train: [Int], validation: [Int]) = ([], [])
        for (index, source) in sources.enumerated() {
            let opened = try TokenCache.open(
                source, tokenizer: tokenizer, fingerprint: fingerprint, folder: options.cacheFolder, pool: pool,
                note: note)
            func part(_ wanted: Split) -> PackedSource {
                PackedSource(opened.cache, shape: shape) { hash in
                    switch source.use {
                    case .split: rule.split(of: hash) == wanted
                    case .train: wanted == .train
                    case .validation: wanted == .validation
                    }
                }
            }
            let (train, validation) = (part(.train), part(.validation))
            if source.use != .validation {
                guard train.packing.count > 0 else { throw .noDocuments(path: source.path, split: "training") }
                parts.train.append(train)
                indices.train.append(index)
            }
            if validation.packing.count > 0 {
                parts.validation.append(validation)
                indices.validation.append(index)
            } else if source.use == .validation {
                throw .noDocuments(path: source.path, split: "validation")
            }
            reports.append(
                SourceReport(
                    path: source.path, key: opened.key, train: train.counts, validation: validation.counts,
                    testDocuments: opened.cache.documentCount - train.counts.documents - validation.counts.documents,
                    share: 0))
        }
        guard !parts.train.isEmpty else {
            throw .noDocuments(path: sources.first?.path ?? "data", split: "training")
        }
        func weights(_ parts: [PackedSource], _ indices: [Int]) -> [Double] {
            zip(parts, indices).map { sources[$1].weight ?? Double($0.counts.tokens) }
        }
        mixture = Mixture(weights: weights(parts.train, indices.train))
        validationShares = Mixture(weights: weights(parts.validation, indices.validation)).shares
        for (place, index) in indices.train.enumerated() { reports[index].share = mixture.shares[place] }
        (train, validation) = parts
        (trainIndices, validationIndices) = indices
        self.sources = reports
        self.options = options
    }

    // MARK: Training

    /// The batches of all steps from `step` (from 0) on.
    ///
    /// - Parameters:
    ///   - sequenceCount: sequences of a step, the same for all steps of a run.
    ///   - batchCount: into how many batches a step is cut; divides `sequenceCount`.
    public func steps(from step: Int, sequenceCount: Int, batchCount: Int) -> Steps {
        var mixture = mixture
        for _ in 0..<step * sequenceCount { _ = mixture.next() }
        return Steps(data: self, mixture: mixture, sequenceCount: sequenceCount, batchCount: batchCount)
    }

    /// The batches of one step after the other, endlessly.
    public struct Steps: Sendable, Sequence, IteratorProtocol {
        let data: TrainingData
        fileprivate var mixture: Mixture
        let sequenceCount: Int
        let batchCount: Int

        /// The batches of the next step, which are computed one after the other.
        public mutating func next() -> [TrainingBatch]? { batches() }

        mutating func batches() -> [TrainingBatch] {
            (0..<batchCount).map { _ in
                var batch = TrainingBatch()
                for _ in 0..<sequenceCount / batchCount {
                    let (source, index) = mixture.next()
                    data.train[source].append(data.sequence(index, of: source), to: &batch)
                }
                return batch
            }
        }
    }

    /// Which sequence of a source is its `index`-th in the run: each pass over the source has an order of its own.
    private func sequence(_ index: Int, of source: Int) -> Int {
        let count = train[source].packing.count
        let (pass, place) = index.quotientAndRemainder(dividingBy: count)
        let key = ContentHash.combine([options.seed, UInt64(source), UInt64(pass)])
        return Permutation(count: count, key: key)[place]
    }

    /// How often each source is passed over in a run of so many sequences; nil for one that is not trained on.
    public func passes(sequenceCount: Int) -> [Double?] {
        var result = [Double?](repeating: nil, count: sources.count)
        for (place, index) in trainIndices.enumerated() {
            result[index] = mixture.shares[place] * Double(sequenceCount) / Double(train[place].packing.count)
        }
        return result
    }

    // MARK: Validation

    /// Sequences of one source's part for validation.
    public struct ValidationPart: Sendable {
        /// The number of the source.
        public var source: Int
        /// The weight of its loss in the mean over sources; these sum to 1.
        public var share: Double
        /// The sequences.
        public var batches: [TrainingBatch]
    }

    /// About `limit` sequences of validation, spread evenly over each source's part; the same at every call.
    ///
    /// - Parameter batchSequences: sequences of a batch at most.
    public func validationParts(limit: Int, batchSequences: Int) -> [ValidationPart] {
        zip(validation, validationShares).enumerated().map { place, part in
            let (packed, share) = part
            let count = min(packed.packing.count, max(1, Int((Double(limit) * share).rounded())))
            let chosen = (0..<count).map { $0 * packed.packing.count / count }
            let batches = stride(from: 0, to: count, by: batchSequences).map { start in
                var batch = TrainingBatch()
                for sequence in chosen[start..<min(start + batchSequences, count)] {
                    packed.append(sequence, to: &batch)
                }
                return batch
            }
            return ValidationPart(source: validationIndices[place], share: share, batches: batches)
        }
    }
}
