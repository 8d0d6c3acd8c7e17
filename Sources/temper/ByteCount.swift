// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// A number of bytes on the command line: "800000000", "512M", "2G", "1.5GiB". Units are powers of 1024.
struct ByteCount: ExpressibleByArgument, LosslessStringConvertible {
    let bytes: Int

    init?(argument: String) { self.init(argument) }

    init?(_ text: String) {
        let number = text.prefix { $0.isNumber || $0 == "." }
        let units: [String: Double] = [
            "": 1, "B": 1, "K": 1024, "KB": 1024, "KIB": 1024, "M": 1_048_576, "MB": 1_048_576, "MIB": 1_048_576,
            "G": 1_073_741_824, "GB": 1_073_741_824, "GIB": 1_073_741_824,
        ]
        guard let value = Double(number), let unit = units[text.dropFirst(number.count).uppercased()],
            let bytes = Int(exactly: (value * unit).rounded()), bytes >= 0
        else { return nil }
        self.bytes = bytes
    }

    var description: String { Self.words(bytes) }

    /// The number in the unit that suits it: "1.2 GiB".
    static func words(_ bytes: Int) -> String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB"]
        var value = Double(bytes)
        var unit = 0
        while value >= 1024, unit + 1 < units.count {
            value /= 1024
            unit += 1
        }
        guard unit > 0 else { return "\(bytes) B" }
        return "\((value * 10).rounded() / 10) \(units[unit])"
    }
}
