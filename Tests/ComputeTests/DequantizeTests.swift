// SPDX-License-Identifier: Apache-2.0

import Compute
import Glibc
import Testing

/// The bytes of a file in Tests/Fixtures/dequantize.
private func fixture(_ name: String) throws -> [UInt8] {
    let tests = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
    let path = "/\(tests)/Fixtures/dequantize/\(name)"
    let file = try #require(fopen(path, "rb"), "cannot open \(path)")
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
    return bytes
}

@Suite struct DequantizeTests {
    @Test(arguments: ElementType.allCases.filter { $0 != .f32 }, [0, 1])
    func givesTheBitsOfTheReference(type: ElementType, misalignment: Int) throws {
        let blocks = try fixture("\(type.name).blocks")
        let floats = try fixture("\(type.name).floats")
        let columns = blocks.count / type.blockBytes * type.blockSize
        #expect(floats.count == columns * 4 && columns >= 512)
        let tensor = try makeTensor(type, rows: 1, columns: columns, misalignment: misalignment, bytes: blocks)
        let expected = (0..<columns).map { index in
            (0..<4).reduce(UInt32(0)) { $0 | UInt32(floats[4 * index + $1]) << (8 * $1) }
        }
        #expect(firstDifference(tensor.floats.bits, expected) == nil)
    }

    @Test func everyHalfIsExact() throws {
        let halves = (0...UInt16.max).flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }
        let tensor = try makeTensor(.f16, rows: 1, columns: 65536, bytes: halves)
        for (bits, found) in zip(0...UInt16.max, tensor.floats) {
            let expected = Float(Float16(bitPattern: bits))
            if expected.isNaN {
                #expect(found.isNaN, "\(bits)")
            } else if found.bitPattern != expected.bitPattern {
                Issue.record("\(bits): \(found), not \(expected)")
            }
        }
    }

    @Test(arguments: ElementType.allCases)
    func gatherTakesRowsOfTheTable(type: ElementType) throws {
        var generator = SeededGenerator(seed: 3)
        let kernels = Kernels(pool: WorkerPool(threadCount: 2))
        let columns = 512
        let table = try randomTensor(type, rows: 40, columns: columns, using: &generator)
        let ids: [Int32] = [39, 0, 7, 7, 12]
        var output = [Float](repeating: .nan, count: ids.count * columns)
        kernels.gather(table: table, ids: ids, rows: ids.count, output: &output)
        let all = table.floats
        let expected = ids.flatMap { all[Int($0) * columns..<(Int($0) + 1) * columns] }
        #expect(firstDifference(output.bits, expected.bits) == nil)
    }
}
