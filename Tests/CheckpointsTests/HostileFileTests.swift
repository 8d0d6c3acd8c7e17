// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Compute
import Foundation
import StrictJSON
import Testing

/// Files cut short, changed in single fields, and changed at random: each is read or refused with a typed error, and
/// memory does not grow.
@Suite(.serialized) struct HostileFileTests {
    enum Format: String, CaseIterable, Sendable {
        case gguf, safetensors, llama2c, vocabulary

        func valid() throws -> [UInt8] {
            switch self {
            case .gguf:
                var source = TinyModel.checkpoint(TinyModel.config(.llama))
                source.tokenizer = .gguf(TinyModel.vocabulary())
                return try GGUFWriter(source).serialized()
            case .safetensors:
                return try TinyModel.checkpoint(TinyModel.config(.llama)).huggingFaceFiles().weights.serialized()
            case .llama2c: return TinyModel.llama2c().model
            case .vocabulary: return TinyModel.llama2c().vocabulary
            }
        }

        /// Opens the bytes as the format; the storage is as long as they are, so that a sanitizer sees an overrun.
        func open(_ bytes: [UInt8]) throws {
            switch self {
            case .gguf: _ = try Checkpoint(gguf: .holding(bytes), name: "hostile.gguf")
            case .safetensors:
                let config = try TinyModel.checkpoint(TinyModel.config(.llama)).huggingFaceFiles().config
                let file = try SafetensorsFile(storage: .holding(bytes), name: "hostile.safetensors")
                _ = try Checkpoint(safetensors: [file], config: config)
            case .llama2c: _ = try Checkpoint(llama2c: .holding(bytes), name: "hostile.bin", tokenizer: nil)
            case .vocabulary:
                let storage = Storage.holding(bytes)
                // What lies behind the bytes in a storage of at least one is not theirs.
                let own = UnsafeRawBufferPointer(rebasing: storage.bytes[..<bytes.count])
                _ = try TokenizerSource.llama2c(own, name: "tokenizer.bin", count: 12)
            }
        }
    }

    /// Opens; anything but success and a typed error with a text is recorded. Returns whether it was refused.
    @discardableResult
    private func refused(_ format: Format, _ bytes: [UInt8], _ what: @autoclosure () -> String) -> Bool {
        do {
            try format.open(bytes)
            return false
        } catch let error as CheckpointError {
            if error.description.isEmpty { Issue.record("\(what()): an error without a text") }
            return true
        } catch {
            Issue.record("\(what()): \(error)")
            return true
        }
    }

    /// Memory of this process from the kernel: resident now, and the most address space there ever was.
    private struct Memory {
        var residentBytes = 0
        var peakBytes = 0

        init() {
            let text = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
            for line in text.split(separator: "\n") {
                let fields = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
                guard fields.count > 1, let kibibytes = Int(fields[1]) else { continue }
                if fields[0] == "VmRSS:" { residentBytes = kibibytes << 10 }
                if fields[0] == "VmPeak:" { peakBytes = kibibytes << 10 }
            }
        }

        /// Expects that a file's lies about its size were not believed. Other tests run beside, hence the room; a
        /// length of 2^31 that is believed takes more.
        func expectNoGrowth() {
            let now = Memory()
            #expect(peakBytes > 0)
            #expect(now.residentBytes - residentBytes < 256 << 20)
            #expect(now.peakBytes - peakBytes < 1 << 30)
        }
    }

    @Test(arguments: Format.allCases)
    func everyTruncationIsRefused(format: Format) throws {
        let bytes = try format.valid()
        try format.open(bytes)
        for length in 0..<bytes.count {
            #expect(refused(format, Array(bytes[..<length]), "length \(length)"), "length \(length) of \(bytes.count)")
        }
    }

    @Test(arguments: Format.allCases)
    func randomChangesAreReadOrRefused(format: Format) throws {
        let bytes = try format.valid()
        // Headers are where changes count: half of them go there.
        let header = format == .llama2c ? 28 : min(bytes.count, 2048)
        let before = Memory()
        var refusals = 0
        for seed in 0..<500 as Range<UInt64> {
            var generator = SeededGenerator(seed: seed)
            var changed = bytes
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let limit = Bool.random(using: &generator) ? header : changed.count
                let place = Int.random(in: 0..<limit, using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: changed[place] = UInt8.random(in: .min ... .max, using: &generator)
                case 1: changed[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
                case 2: changed[place] = [0, 0xFF, 0x7F, 0x80].randomElement(using: &generator) ?? 0
                default:
                    let count = min(8, changed.count - place)
                    changed.replaceSubrange(
                        place..<place + count,
                        with: repeatElement(Bool.random(using: &generator) ? 0xFF : 0, count: count))
                }
            }
            if refused(format, changed, "\(format) seed \(seed)") { refusals += 1 }
        }
        #expect(refusals > 50, "\(refusals) of 500")
        before.expectNoGrowth()
    }

    static let extremes: [UInt64] = [
        0, 1, 0x7FFF_FFFE, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0x1_0000_0000, 0x7FFF_FFFF_FFFF_FFFF,
        0x8000_0000_0000_0000, 0xFFFF_FFFF_FFFF_FFFE, 0xFFFF_FFFF_FFFF_FFFF, 0x2000_0000_0000_0000,
        0x4000_0000_0000_0001, 0x0FFF_FFFF_FFFF_FFE0,
    ]

    /// A GGUF file of one key and one tensor in which every field's place is known.
    private struct Fields {
        var bytes: [UInt8] = []
        var places: [(name: String, offset: Int, size: Int)] = []

        mutating func add(_ name: String, _ value: UInt64, size: Int) {
            places.append((name, bytes.count, size))
            withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0.prefix(size)) }
        }

        mutating func add(text: String) { bytes += text.utf8 }

        static func file() -> Fields {
            var fields = Fields()
            fields.add(text: "GGUF")
            fields.add("version", 3, size: 4)
            fields.add("tensor count", 2, size: 8)
            fields.add("key count", 3, size: 8)
            fields.add("key length", 1, size: 8)
            fields.add(text: "s")
            fields.add("type of a string", 8, size: 4)
            fields.add("string length", 4, size: 8)
            fields.add(text: "text")
            fields.add("key length", 1, size: 8)
            fields.add(text: "a")
            fields.add("type of an array", 9, size: 4)
            fields.add("element type", 8, size: 4)
            fields.add("array count", 2, size: 8)
            fields.add("element length", 1, size: 8)
            fields.add(text: "x")
            fields.add("element length", 0, size: 8)
            fields.add("key length", 17, size: 8)
            fields.add(text: "general.alignment")
            fields.add("type of the alignment", 4, size: 4)
            fields.add("alignment", 32, size: 4)
            for (index, name) in ["t", "u"].enumerated() {
                fields.add("name length", 1, size: 8)
                fields.add(text: name)
                fields.add("dimension count", 2, size: 4)
                fields.add("dimension", 32, size: 8)
                fields.add("dimension", 2, size: 8)
                fields.add("tensor type", 8, size: 4)
                fields.add("tensor offset", UInt64(index) * 96, size: 8)
            }
            while fields.bytes.count % 32 != 0 { fields.bytes.append(0) }
            fields.bytes += Array(repeating: 7, count: 96 + 68)
            return fields
        }
    }

    @Test func extremeFieldsOfGGUFAreRefusedAtOnce() throws {
        let fields = Fields.file()
        let file = try GGUFFile(storage: .holding(fields.bytes), name: "fields.gguf")
        #expect(file.tensors.count == 2 && file["a"] == .array(.string(["x", ""])))
        let before = Memory()
        let clock = ContinuousClock()
        for place in fields.places {
            for value in Self.extremes {
                var changed = fields.bytes
                let isSame = place.size == 4 && value > UInt64(UInt32.max)
                if isSame { continue }
                withUnsafeBytes(of: value.littleEndian) {
                    changed.replaceSubrange(place.offset..<place.offset + place.size, with: $0.prefix(place.size))
                }
                if changed == fields.bytes { continue }
                var isRefused = false
                let time = clock.measure {
                    do {
                        _ = try GGUFFile(storage: .holding(changed), name: "fields.gguf")
                    } catch {
                        isRefused = error is CheckpointError
                    }
                }
                #expect(time < .milliseconds(100), "\(place.name) = \(value)")
                // A tensor offset of 0 for the first, and type 0 or 1 for a value of four bytes, may be valid.
                if value > 1 { #expect(isRefused, "\(place.name) = \(value)") }
            }
        }
        before.expectNoGrowth()
    }

    @Test(arguments: ElementType.allCases)
    func sizesAreComparedInBytesOfBlocksNotInElements(type: ElementType) throws {
        let columns = UInt64(type.blockSize) * 2
        func file(rows: UInt64, dataBytes: Int) -> [UInt8] {
            var fields = Fields()
            fields.add(text: "GGUF")
            fields.add("version", 3, size: 4)
            fields.add("tensor count", 1, size: 8)
            fields.add("key count", 0, size: 8)
            fields.add("name length", 1, size: 8)
            fields.add(text: "t")
            fields.add("dimension count", 2, size: 4)
            fields.add("dimension", columns, size: 8)
            fields.add("dimension", rows, size: 8)
            fields.add("tensor type", UInt64(type.rawValue), size: 4)
            fields.add("tensor offset", 0, size: 8)
            while fields.bytes.count % 32 != 0 { fields.bytes.append(0) }
            return fields.bytes + Array(repeating: 1, count: dataBytes)
        }
        let exact = try #require(type.byteCount(elementCount: Int(columns) * 3))
        func open(_ bytes: [UInt8]) throws { _ = try GGUFFile(storage: .holding(bytes), name: "blocks.gguf") }
        try open(file(rows: 3, dataBytes: exact))
        #expect(throws: CheckpointError.self) { try open(file(rows: 3, dataBytes: exact - 1)) }
        // Rows at which elements, or bytes, wrap around to a small number.
        for rows in [UInt64.max / columns + 1, (1 << 63) / columns, (1 << 62) / columns + 1, 1 << 61, .max] {
            #expect(throws: CheckpointError.self, "\(rows)") { try open(file(rows: rows, dataBytes: exact)) }
        }
    }

    @Test(arguments: 0..<7)
    func extremeFieldsOfLlama2cAreRefused(field: Int) throws {
        let bytes = TinyModel.llama2c().model
        let original = Array(bytes[4 * field..<4 * field + 4])
        let before = Memory()
        for value in [0, 1, -1, 3, 5, 1 << 16, 1 << 24, .max - 1, .max, .min, .min + 1] as [Int32] {
            var changed = bytes
            withUnsafeBytes(of: value.littleEndian) { changed.replaceSubrange(4 * field..<4 * field + 4, with: $0) }
            // One head of key and value is what the model has.
            if Array(changed[4 * field..<4 * field + 4]) == original { continue }
            #expect(refused(.llama2c, changed, "field \(field)"), "field \(field) = \(value)")
        }
        before.expectNoGrowth()
    }

    @Test(arguments: [0, -1, 1 << 20, .max, .min] as [Int32])
    func badLengthsInALlama2cVocabularyAreRefused(length: Int32) throws {
        let bytes = TinyModel.llama2c().vocabulary
        // The longest piece, the first piece's length, the second's.
        for place in [0, 8, 8 + 4 + 6 + 4] {
            var changed = bytes
            withUnsafeBytes(of: length.littleEndian) { changed.replaceSubrange(place..<place + 4, with: $0) }
            #expect(refused(.vocabulary, changed, "byte \(place)"), "\(length) at \(place)")
        }
        var score = bytes
        withUnsafeBytes(of: Float.nan.bitPattern.littleEndian) { score.replaceSubrange(4..<8, with: $0) }
        #expect(refused(.vocabulary, score, "score"))
        #expect(refused(.vocabulary, bytes + [0], "a byte more"))
    }

    @Test func overlapsAndDuplicatesInGGUFAreRefused() throws {
        let fields = Fields.file()
        let offsets = fields.places.filter { $0.name == "tensor offset" }
        for value in [0, 32, 64] as [UInt8] {
            var changed = fields.bytes
            changed[offsets[1].offset] = value
            #expect(throws: CheckpointError.self) { try GGUFFile(storage: .holding(changed), name: "overlap") }
        }
        for (old, new) in [("u", "t"), ("a", "s")] {
            var changed = fields.bytes
            // The name follows a length of one.
            let pattern = [1, 0, 0, 0, 0, 0, 0, 0] + Array(old.utf8)
            let place = try #require(
                (0..<changed.count - 9).first { Array(changed[$0..<$0 + 9]) == pattern })
            changed[place + 8] = Array(new.utf8)[0]
            let error = #expect(throws: CheckpointError.self) {
                try GGUFFile(storage: .holding(changed), name: "duplicate")
            }
            #expect(error?.description.contains("not seen before") == true)
        }
    }

    @Test func otherVersionsAndByteOrdersAreRefusedByName() throws {
        for (version, words) in [
            (1, "version 1"), (0x0300_0000, "big-endian"), (0x0200_0000, "big-endian"), (0, "0"), (4, "4"),
        ] as [(UInt32, String)] {
            var bytes = Fields.file().bytes
            withUnsafeBytes(of: version.littleEndian) { bytes.replaceSubrange(4..<8, with: $0) }
            let error = #expect(throws: CheckpointError.self) {
                try GGUFFile(storage: .holding(bytes), name: "version")
            }
            #expect(error?.description.contains(words) == true, "\(String(describing: error))")
        }
    }
}
