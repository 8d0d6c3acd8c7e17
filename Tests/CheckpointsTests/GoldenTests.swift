// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Compute
import Foundation
import Testing

/// Files written by the reference implementations.
@Suite struct GoldenTests {
    private func file(_ name: String) throws -> Storage {
        Storage.holding(try Data(contentsOf: URL(fileURLWithPath: Fixture.path(name))))
    }

    @Test(arguments: [2, 3])
    func everyMetadataTypeIsRead(version: Int) throws {
        let file = try GGUFFile(storage: try file("values-v\(version).gguf"), name: "golden")
        #expect(file.version == version)
        let expected: [(String, GGUFValue)] = [
            ("general.architecture", .string("golden")), ("value.uint8", .uint8(250)), ("value.int8", .int8(-100)),
            ("value.uint16", .uint16(65_000)), ("value.int16", .int16(-30_000)),
            ("value.uint32", .uint32(4_000_000_000)), ("value.int32", .int32(-2_000_000_000)),
            ("value.float32", .float32(0.5)), ("value.true", .bool(true)), ("value.false", .bool(false)),
            ("value.string", .string("tempér \u{1F642}")), ("value.uint64", .uint64(.max)),
            ("value.int64", .int64(.min)), ("value.float64", .float64(0.1)),
            ("array.uint8", .array(.uint8([0, 255]))), ("array.int8", .array(.int8([-128, 127]))),
            ("array.uint16", .array(.uint16([0, 65_535]))), ("array.int16", .array(.int16([-32_768, 32_767]))),
            ("array.uint32", .array(.uint32([0, .max]))), ("array.int32", .array(.int32([.min, .max]))),
            ("array.float32", .array(.float32([0.25, -2]))), ("array.bool", .array(.bool([true, false, true]))),
            ("array.string", .array(.string(["a", "", "ß"]))), ("array.uint64", .array(.uint64([0, .max]))),
            ("array.int64", .array(.int64([.min, .max]))), ("array.float64", .array(.float64([0.1, -1e300]))),
        ]
        #expect(file.metadata.map(\.key) == expected.map(\.0))
        for (key, value) in expected { #expect(file[key] == value, "\(key)") }
    }

    @Test(arguments: [2, 3])
    func everyTensorTypeIsReadWhereItStands(version: Int) throws {
        let file = try GGUFFile(storage: try file("values-v\(version).gguf"), name: "golden")
        #expect(file.tensors.count == ElementType.allCases.count)
        for type in ElementType.allCases {
            let tensor = try #require(file.tensors["tensor." + type.name])
            #expect(tensor.type == type)
            #expect(tensor.shape == [3, type.blockSize > 1 ? 2 * type.blockSize : 5])
            let expected = (0..<tensor.byteCount).map { UInt8((7 * $0 + 13 * Int(type.rawValue)) % 251) }
            #expect(tensor.bytes == expected, "\(type.name)")
        }
    }

    @Test func ourWriterWritesTheReferenceWritersBytes() throws {
        let golden = try file("values-v3.gguf")
        let file = try GGUFFile(storage: golden, name: "golden")
        var writer = GGUFWriter()
        for (key, value) in file.metadata { writer.set(key, value) }
        for (name, tensor) in file.tensors.sorted(by: { $0.value.byteOffset < $1.value.byteOffset }) {
            writer.add(name, tensor)
        }
        #expect(try writer.serialized() == [UInt8](golden.bytes))
    }

    @Test func safetensorsAreReadByTypeShapeAndPlace() throws {
        let file = try SafetensorsFile(storage: try file("types.safetensors"), name: "golden")
        #expect(
            Dictionary(uniqueKeysWithValues: file.metadata.map { ($0.key, $0.value) }) == [
                "format": "pt", "note": "golden",
            ])
        let entries = Dictionary(uniqueKeysWithValues: file.entries.map { ($0.name, $0) })
        #expect(Set(entries.keys) == ["single", "half", "brain", "mask", "scalar"])
        let single = try file.tensor(try #require(entries["single"]))
        #expect(single.type == .f32 && single.shape == [2, 3])
        let values = (0..<6).map { Float(bitPattern: single.address.load(fromByteOffset: 4 * $0, as: UInt32.self)) }
        #expect(values == [0, 0.125, 0.25, 0.375, 0.5, 0.625])
        let half = try file.tensor(try #require(entries["half"]))
        #expect(half.type == .f16 && half.shape == [5])
        #expect(half.bytes == [0x00, 0x00, 0x00, 0x30, 0x00, 0x34, 0x00, 0x36, 0x00, 0x38])
        let brain = try file.tensor(try #require(entries["brain"]))
        #expect(brain.type == .bf16 && brain.shape == [3, 2, 2])
        #expect(Array(brain.bytes.prefix(8)) == [0x00, 0x00, 0x00, 0x3E, 0x80, 0x3E, 0xC0, 0x3E])
        let mask = #expect(throws: CheckpointError.self) { try file.tensor(try #require(entries["mask"])) }
        #expect(mask?.description.contains("BOOL") == true)
        #expect(throws: CheckpointError.self) { try file.tensor(try #require(entries["scalar"])) }
    }
}
