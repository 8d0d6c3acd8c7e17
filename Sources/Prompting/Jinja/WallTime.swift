// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A moment as a calendar of the machine's time zone shows it.
public struct WallTime: Sendable {
    private let seconds: time_t

    /// The moment so many seconds after 1970.
    public init(seconds: Int) { self.seconds = seconds }

    /// This moment.
    public static var now: WallTime { WallTime(seconds: time(nil)) }

    /// The moment written by a format of `strftime`; nil if that is longer than 1,024 bytes.
    func text(_ format: String) -> String? {
        guard !format.isEmpty else { return "" }
        var seconds = seconds
        var parts = tm()
        guard format.utf8.count <= 256, !format.utf8.contains(0), localtime_r(&seconds, &parts) != nil else {
            return nil
        }
        // A mark in front tells an empty result from one that does not fit.
        var buffer = [CChar](repeating: 0, count: 1024)
        let count = strftime(&buffer, buffer.count, "|" + format, &parts)
        guard count > 0 else { return nil }
        return String(decoding: buffer[1..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
