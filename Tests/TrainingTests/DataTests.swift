// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Compute
import Foundation
import StrictJSON
import Testing
import Tokenizers
import Training

/// Files of data and what is made of them.
struct DataFixture {
    let folder: TemporaryFolder
    let tokenizer: any Tokenizer

    init() throws {
        folder = try TemporaryFolder()
        tokenizer = try makeVocabulary().tokenizer()
    }

    /// A text of `count` documents, each its own.
    @discardableResult
    func stories(_ count: Int, _ name: String = "stories.txt", seed: Int = 0) throws -> DataSource {
        let lines = try Fixture.text("vocabulary-text.txt").split(separator: "\n").map { String($0) }
        let documents = (0..<count).map { index in
            let length = 1 + (index * 7 + seed) % 9
            return "\(seed)-\(index) "
                + (0..<length).map { lines[(index * 31 + $0) % lines.count] }.joined(separator: " ")
        }
        let path = try folder.write(name, documents.joined(separator: "\n<|endoftext|>\n"))
        return DataSource(path: path, format: .text(separator: "<|endoftext|>"))
    }

    func load(
        _ sources: [DataSource], length: Int = 48, keepsBoundaries: Bool = true, seed: UInt64 = 1, threads: Int = 1,
        validation: Double = 0.1, note: (String) -> Void = { _ in }
    ) throws -> TrainingData {
        try TrainingData(
            sources, tokenizer: tokenizer, fingerprint: 5,
            options: DataOptions(
                splitRule: SplitRule(validation: validation, test: 0.05), sequenceLength: length,
                keepsBoundaries: keepsBoundaries, seed: seed, cacheFolder: folder.file("cache")),
            pool: WorkerPool(threadCount: threads), note: note)
    }
}

extension TrainingBatch {
    /// The target of each row; -1 where it has none.
    var labels: [Int32] { zip(targets, weights).map { $1 == 0 ? -1 : $0 } }

    /// The texts as inputs and labels.
    var texts: [(ids: [Int32], labels: [Int32])] {
        let labels = labels
        return segments.map { (Array(ids[$0]), Array(labels[$0])) }
    }
}

extension TrainingData {
    /// The batches of one step.
    func batches(step: Int, sequenceCount: Int, batchCount: Int) -> [TrainingBatch] {
        var steps = steps(from: step, sequenceCount: sequenceCount, batchCount: batchCount)
        return steps.next() ?? []
    }
}

@Suite("Training data")
struct DataTests {
    @Test("each token of training is asked for once a pass, within its document, and positions restart")
    func packing() throws {
        let fixture = try DataFixture()
        let data = try fixture.load([try fixture.stories(300)])
        let counts = data.sources[0].train
        let eos = try #require(fixture.tokenizer.eosID)
        var labels = 0
        var padding = 0
        var starts: Set<[Int32]> = []
        for step in 0..<counts.sequences {
            let batch = data.batches(step: step, sequenceCount: 1, batchCount: 1)[0]
            labels += batch.labelledCount
            for text in batch.texts {
                #expect(text.labels.dropLast().elementsEqual(text.ids.dropFirst()), "a label is the next input")
                #expect(!text.ids.contains(eos), "nothing follows the end of a text")
                starts.insert(text.ids)
            }
            for segment in batch.segments {
                #expect(Array(batch.positions[segment]) == segment.indices.map { Int32($0 - segment.lowerBound) })
            }
            #expect(batch.rowCount <= 48)
            try batch.validate(vocabularySize: fixture.tokenizer.vocabularySize, contextLength: 48)
            padding += 48 - batch.rowCount
        }
        #expect(labels == counts.labels)
        #expect(labels == counts.tokens - counts.documents, "all tokens but the first of each document")
        #expect(starts.count >= counts.documents)
        #expect(Double(padding) < 0.05 * Double(counts.sequences * 48), "\(padding) tokens of padding")
        let documents = data.sources.map { $0.train.documents + $0.validation.documents + $0.testDocuments }
        #expect(documents == [300])
    }

    @Test("without boundaries a sequence is one text and ends predict what follows")
    func withoutBoundaries() throws {
        let fixture = try DataFixture()
        let data = try fixture.load([try fixture.stories(300)], keepsBoundaries: false)
        let eos = try #require(fixture.tokenizer.eosID)
        var asked = 0
        for step in 0..<data.sources[0].train.sequences {
            let batch = data.batches(step: step, sequenceCount: 1, batchCount: 1)[0]
            let text = batch.texts[0]
            #expect(batch.texts.count == 1 && batch.rowCount <= 48)
            #expect(batch.positions == (0..<Int32(batch.rowCount)).map { $0 })
            for place in 0..<text.ids.count - 1 where text.ids[place] == eos {
                if text.labels[place] >= 0 {
                    asked += 1
                    #expect(text.labels[place] == text.ids[place + 1])
                }
            }
        }
        #expect(asked > 20, "the start of a document is predicted from the end of the one before")
    }

    @Test("pairs are asked for completion and end alone, cut pairs are counted, those without a label left out")
    func pairs() throws {
        let fixture = try DataFixture()
        let long = String(repeating: "Anna met Ben. ", count: 40)
        let lines = [
            #"{"prompt": "Who?", "completion": " Ben"}"#,
            #"{"prompt": "Who?", "completion": " \#(long)"}"#,
            #"{"prompt": "\#(long)", "completion": " Ben"}"#,
        ]
        let path = try fixture.folder.write("pairs.jsonl", lines.joined(separator: "\n"))
        let data = try fixture.load([DataSource(path: path, format: .jsonl, use: .train)])
        let counts = data.sources[0].train
        #expect(counts.documents == 3 && counts.truncated == 2 && counts.unlabelled == 1)
        #expect(counts.sequences == 2)
        let batch = data.batches(step: 0, sequenceCount: 2, batchCount: 1)[0]
        #expect(batch.labelledCount == counts.labels)
        let texts = batch.texts
        let eos = try #require(fixture.tokenizer.eosID)
        let short = try #require(texts.first { $0.labels.contains(eos) })
        let learned = short.labels.filter { $0 >= 0 }
        #expect(fixture.tokenizer.decode(learned, showSpecial: true) == " Ben<|endoftext|>")
    }

    @Test("the order is a pure function of seed and step")
    func order() throws {
        let fixture = try DataFixture()
        let sources = [try fixture.stories(200), try fixture.stories(100, "more.txt", seed: 3)]
        let data = try fixture.load(sources)
        let run = Array(data.steps(from: 0, sequenceCount: 4, batchCount: 2).prefix(40))
        #expect(run[0].count == 2 && Set(run[0][0].ids).count > 20)
        // Made anew, on more threads, from another cache, and asked in another order.
        try FileManager.default.removeItem(atPath: fixture.folder.file("cache"))
        let again = try fixture.load(sources, threads: 3)
        for step in [39, 7, 0, 8] {
            #expect(again.batches(step: step, sequenceCount: 4, batchCount: 2) == run[step], "step \(step)")
        }
        // Accumulation cuts the same sequences otherwise.
        let whole = data.batches(step: 5, sequenceCount: 4, batchCount: 1)[0]
        #expect(whole.ids == run[5][0].ids + run[5][1].ids)
        let other = try fixture.load(sources, seed: 2)
        #expect(other.batches(step: 0, sequenceCount: 4, batchCount: 2) != run[0])
    }

    @Test("every pass takes each sequence once, in an order of its own")
    func passes() throws {
        let fixture = try DataFixture()
        let data = try fixture.load([try fixture.stories(60)])
        let count = data.sources[0].train.sequences
        func pass(_ number: Int) -> [[Int32]] {
            (number * count..<(number + 1) * count).map {
                data.batches(step: $0, sequenceCount: 1, batchCount: 1)[0].ids
            }
        }
        let (first, second) = (pass(0), pass(1))
        #expect(Set(first).count == count)
        #expect(Set(first) == Set(second) && first != second)
        #expect(data.passes(sequenceCount: 3 * count) == [3])
    }

    @Test("sources are mixed by their weights at every moment")
    func mixture() throws {
        let fixture = try DataFixture()
        var sources = [
            try fixture.stories(200), try fixture.stories(50, "b.txt", seed: 3),
            try fixture.stories(9, "c.txt", seed: 4),
        ]
        for (index, weight) in [6.0, 3, 1].enumerated() { sources[index].weight = weight }
        let data = try fixture.load(sources, validation: 0)
        #expect(data.sources.map(\.share) == [0.6, 0.3, 0.1])
        // A source's documents start with its seed.
        let marks = try ["0-", "3-", "4-"].map {
            try #require(fixture.tokenizer.encode($0, addSpecial: false, parseSpecial: false).first)
        }
        var counts = [0, 0, 0]
        for step in 0..<100 {
            let batch = data.batches(step: step, sequenceCount: 1, batchCount: 1)[0]
            let first = batch.texts.compactMap { marks.firstIndex(of: $0.ids[0]) }
            // A sequence that holds no start of a document does not tell its source.
            guard let source = first.first else { continue }
            counts[source] += 1
        }
        #expect(counts[0] > counts[1] && counts[1] > counts[2] && counts[2] > 0, "\(counts)")

        for index in sources.indices { sources[index].weight = nil }
        let natural = try fixture.load(sources, validation: 0)
        let tokens = natural.sources.map { Double($0.train.tokens) }
        #expect(natural.sources.map(\.share) == tokens.map { $0 / tokens.reduce(0, +) })
    }

    @Test("validation is the same whatever the training order, and holds nothing of training")
    func validation() throws {
        let fixture = try DataFixture()
        let sources = [try fixture.stories(400)]
        let data = try fixture.load(sources)
        let parts = data.validationParts(limit: 8, batchSequences: 3)
        #expect(parts.count == 1 && parts[0].share == 1)
        #expect(parts[0].batches.count == 3)
        let other = try fixture.load(sources, seed: 9)
        #expect(other.validationParts(limit: 8, batchSequences: 3).map(\.batches) == parts.map(\.batches))
        let mark = fixture.tokenizer.encode("0-", addSpecial: false, parseSpecial: false)
        var compared = 0
        var seen: Set<[Int32]> = []
        for step in 0..<data.sources[0].train.sequences {
            for text in data.batches(step: step, sequenceCount: 1, batchCount: 1)[0].texts {
                seen.insert(text.ids)
            }
        }
        for batch in data.validationParts(limit: 1_000_000, batchSequences: 4).flatMap(\.batches) {
            // The starts of documents are all different, their ends are not.
            for text in batch.texts where text.ids.starts(with: mark) {
                compared += 1
                #expect(!seen.contains(text.ids))
            }
        }
        #expect(compared == data.sources[0].validation.documents && compared > 20)
    }

    @Test("a source without documents for training is refused")
    func nothingToLearn() throws {
        let fixture = try DataFixture()
        let path = try fixture.folder.write("blank.txt", "\n\n\n")
        #expect(throws: TrainingDataError.noDocuments(path: path, split: "training")) {
            try fixture.load([DataSource(path: path, format: .text(separator: "<|endoftext|>"))])
        }
        let bad = try fixture.folder.write("bad.jsonl", "{\"text\": \"a\"}\n{}\n")
        let error = try #require(throws: TrainingDataError.self) {
            try fixture.load([DataSource(path: bad, format: .jsonl)], threads: 2)
        }
        #expect(error.description.contains("bad.jsonl, line 2"))
        let left = try FileManager.default.contentsOfDirectory(atPath: fixture.folder.file("cache"))
        #expect(left.count == 1, "nothing is left of a cache that could not be made: \(left)")
    }
}

@Suite("The cache of token ids")
struct TokenCacheTests {
    @Test("is read instead of the text, and made anew when text or options change")
    func reuse() throws {
        let fixture = try DataFixture()
        var notes: [String] = []
        let source = try fixture.stories(50)
        func load(_ source: DataSource) throws -> TrainingData { try fixture.load([source]) { notes.append($0) } }
        let first = try load(source)
        #expect(notes == ["tokenizing \(source.path)"])
        #expect(try load(source).sources == first.sources)
        #expect(notes.count == 1)
        var other = source
        other.parsesSpecial = true
        #expect(try load(other).sources[0].key != first.sources[0].key)
        other = source
        other.format = .text(separator: "")
        _ = try load(other)
        try fixture.stories(51)
        _ = try load(source)
        #expect(notes.count == 4)
    }

    @Test("is made anew when a byte of it is wrong, wherever that is")
    func damaged() throws {
        let fixture = try DataFixture()
        let source = try fixture.stories(12)
        let sound = try fixture.load([source])
        let folder = fixture.folder.file("cache")
        let name = try #require(try FileManager.default.contentsOfDirectory(atPath: folder).first)
        let file = URL(fileURLWithPath: folder + "/" + name)
        let bytes = [UInt8](try Data(contentsOf: file))
        func expectRepair(_ damaged: [UInt8], _ what: String) throws {
            try Data(damaged).write(to: file)
            var notes: [String] = []
            let data = try fixture.load([source]) { notes.append($0) }
            #expect(data.sources == sound.sources && notes.count == 2, "\(what): \(notes)")
            #expect([UInt8](try Data(contentsOf: file)) == bytes)
        }
        for place in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 97)) {
            var damaged = bytes
            damaged[place] ^= 0x10
            try expectRepair(damaged, "byte \(place)")
        }
        for length in [0, 1, 63, 64, 104, bytes.count / 2, bytes.count - 8, bytes.count - 1] {
            try expectRepair(Array(bytes[..<length]), "length \(length)")
        }
        try expectRepair(bytes + [0, 0, 0, 0, 0, 0, 0, 0], "longer")
    }
}
