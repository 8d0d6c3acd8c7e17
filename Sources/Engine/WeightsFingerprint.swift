// SPDX-License-Identifier: Apache-2.0

internal import Compute

/// A cheap hash that tells two sets of weights apart: of every tensor its name, type and shape, and samples of its
/// bytes. Not cryptographic, and blind to a change between the samples.
enum WeightsFingerprint {
    private static let sampleBytes = 256
    private static let sampleCount = 4

    /// The hash (FNV-1a, 64 bits) over the tensors in the order of their names.
    static func hash(_ tensors: [String: Tensor]) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        func add(_ bytes: some Sequence<UInt8>) {
            for byte in bytes {
                hash = (hash ^ UInt64(byte)).multipliedReportingOverflow(by: 0x0000_0100_0000_01b3).partialValue
            }
        }
        for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
            add("\(name) \(tensor.type.name) \(tensor.shape)\n".utf8)
            let bytes = UnsafeRawBufferPointer(start: tensor.address, count: tensor.byteCount)
            guard bytes.count > sampleBytes * sampleCount else {
                add(bytes)
                continue
            }
            // Spread evenly, the first and the last bytes among them.
            for index in 0..<sampleCount {
                let start = index * (bytes.count - sampleBytes) / (sampleCount - 1)
                add(bytes[start..<start + sampleBytes])
            }
        }
        return hash
    }
}
