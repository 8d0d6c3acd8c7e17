// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Compute
import Testing

/// Headers that safetensors files must not have.
@Suite struct HostileSafetensorsTests {
    private func open(_ header: String, data: Int = 8, length: UInt64? = nil) throws -> SafetensorsFile {
        var bytes: [UInt8] = []
        withUnsafeBytes(of: (length ?? UInt64(header.utf8.count)).littleEndian) { bytes.append(contentsOf: $0) }
        bytes += Array(header.utf8) + Array(repeating: 1, count: data)
        return try SafetensorsFile(storage: .holding(bytes), name: "hostile.safetensors")
    }

    private static func tensor(_ shape: String = "[2]", _ offsets: String = "[0,8]", type: String = "F32") -> String {
        #"{"dtype":"\#(type)","shape":\#(shape),"data_offsets":\#(offsets)}"#
    }

    @Test func aValidHeaderIsRead() throws {
        #expect(try open(#"{"a":\#(Self.tensor())}"#).entries.count == 1)
        #expect(try open(#"{"__metadata__":{"k":"v"},"a":\#(Self.tensor())}   "#).metadata.first?.value == "v")
        #expect(try open("{}", data: 0).entries.isEmpty)
        // In any order.
        let pair = #"{"b":\#(Self.tensor("[1]", "[4,8]")),"a":\#(Self.tensor("[1]", "[0,4]"))}"#
        #expect(try open(pair).entries.map(\.name) == ["a", "b"])
    }

    @Test(arguments: [
        #"{"a":\#(tensor("[2]", "[0,7]"))}"#, #"{"a":\#(tensor("[2]", "[0,9]"))}"#,
        #"{"a":\#(tensor("[3]", "[0,12]"))}"#,
        #"{"a":\#(tensor("[2]", "[8,0]"))}"#, #"{"a":\#(tensor("[2]", "[-8,0]"))}"#, #"{"a":\#(tensor("[2]", "[0]"))}"#,
        #"{"a":\#(tensor("[2]", "[0,8,8]"))}"#, #"{"a":\#(tensor("[2]", "[0,8.5]"))}"#,
        #"{"a":\#(tensor("[2]", "8"))}"#,
        #"{"a":\#(tensor("[2]", "[0,18446744073709551616]"))}"#, #"{"a":\#(tensor("[-2]"))}"#,
        #"{"a":\#(tensor("[2.0]"))}"#,
        #"{"a":\#(tensor("[4611686018427387904,4]"))}"#, #"{"a":\#(tensor("[9223372036854775807]"))}"#,
        #"{"a":\#(tensor("[4294967296,4294967296]"))}"#, #"{"a":\#(tensor("[1,1,1,1,1,1,1,1,2]"))}"#,
        #"{"a":\#(tensor("{}"))}"#, #"{"a":\#(tensor(type: "F128"))}"#, #"{"a":\#(tensor(type: ""))}"#, #"{"a":7}"#,
        #"{"a":null}"#, #"{"a":{"dtype":"F32","shape":[2]}}"#,
        #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}}"#,
        #"{"a":{"dtype":1,"shape":[2],"data_offsets":[0,8]}}"#,
        // A gap, an overlap, a hole at the end, the same place twice, the same name twice.
        #"{"a":\#(tensor("[1]", "[4,8]"))}"#,
        #"{"a":\#(tensor("[1]", "[0,4]")),"b":\#(tensor("[2]", "[0,8]"))}"#, #"{"a":\#(tensor("[1]", "[0,4]"))}"#,
        #"{"a":\#(tensor()),"b":\#(tensor())}"#, #"{"a":\#(tensor("[1]", "[0,4]")),"a":\#(tensor("[1]", "[4,8]"))}"#,
        #"{"":\#(tensor())}"#, #"{"a\u0000":\#(tensor())}"#, #"{"ä":\#(tensor())}"#, #"{"a b":\#(tensor())}"#,
        #"{"__metadata__":{"k":1},"a":\#(tensor())}"#, #"{"__metadata__":[],"a":\#(tensor())}"#,
        "", "[]", "{", "{}", " {}", "nul", #"{"a":\#(tensor())}x"#, #"{"a":\#(tensor())"#,
        #"{"a":{"dtype":"F32","shape":[[[[[[2]]]]]],"data_offsets":[0,8]}}"#,
    ])
    func badHeadersAreRefused(header: String) {
        let error = #expect(throws: CheckpointError.self) { try open(header) }
        #expect(error?.description.isEmpty == false)
    }

    @Test(arguments: [0, 1, 7, 1 << 24, (1 << 24) + 1, 1 << 31, 1 << 32, 1 << 63, .max - 7, .max] as [UInt64])
    func badHeaderLengthsAreRefused(length: UInt64) {
        #expect(throws: CheckpointError.self) { try open(#"{"a":\#(Self.tensor())}"#, length: length) }
    }

    @Test func tooManyTensorsAreRefusedSoon() throws {
        let entries = (0..<100_000).map { #""t\#($0)":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}"# }
        let header = "{" + entries.joined(separator: ",") + "}"
        let time = ContinuousClock().measure {
            let error = #expect(throws: CheckpointError.self) { try open(header, data: 0) }
            #expect(error?.description.contains("65536") == true)
        }
        #expect(time < .seconds(1))
    }

    @Test func tensorsAtOddPlacesAreMovedToWhereTheyMayBeRead() throws {
        var data: [UInt8] = [9]
        for value in [1.5, -2] as [Float] {
            withUnsafeBytes(of: value.bitPattern.littleEndian) { data.append(contentsOf: $0) }
        }
        let header = #"{"a":\#(Self.tensor("[1]", "[0,1]", type: "U8")),"b":\#(Self.tensor("[2]", "[1,9]"))}"#
        var bytes: [UInt8] = []
        withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { bytes.append(contentsOf: $0) }
        let file = try SafetensorsFile(storage: .holding(bytes + Array(header.utf8) + data), name: "odd")
        let tensor = try file.tensor(try #require(file.entries.last))
        #expect(Int(bitPattern: tensor.address) % 4 == 0)
        #expect(tensor.bytes == Array(data[1...]))
    }
}
