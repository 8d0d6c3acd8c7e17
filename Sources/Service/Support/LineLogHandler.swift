// SPDX-License-Identifier: Apache-2.0

import Glibc
public import Logging

/// Writes log records as single lines to a file descriptor: time, level, message, then `name=value` in order of name.
/// Values are quoted where they need it, and control characters are escaped: a record cannot be mistaken for two.
public struct LineLogHandler: LogHandler {
    /// The least level that is written.
    public var logLevel: Logger.Level
    /// Fields of every record.
    public var metadata: Logger.Metadata = [:]
    private let descriptor: Int32

    /// A handler that writes to `descriptor`: 2 is standard error.
    public init(level: Logger.Level = .info, descriptor: Int32 = 2) {
        logLevel = level
        self.descriptor = descriptor
    }

    /// The field named `key` of every record.
    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes one record.
    public func log(event: LogEvent) {
        var fields = metadata
        if let own = event.metadata { fields.merge(own) { _, new in new } }
        var line = "\(Self.timestamp()) \(event.level.rawValue) \(Self.escaped(event.message.description))"
        for (name, value) in fields.sorted(by: { $0.key < $1.key }) {
            line += " \(Self.escaped(name))=\(Self.quoted(value.description))"
        }
        line += "\n"
        // One write per line: lines of several threads do not mix.
        line.withUTF8 { bytes in
            guard let base = bytes.baseAddress else { return }
            _ = write(descriptor, base, bytes.count)
        }
    }

    /// The value, in quotation marks if it is empty or holds anything but plain characters.
    static func quoted(_ value: String) -> String {
        let isPlain =
            !value.isEmpty
            && value.unicodeScalars.allSatisfy { scalar in
                scalar.isASCII && scalar.value > 0x20 && scalar.value < 0x7F && scalar != "\"" && scalar != "="
                    && scalar != "\\"
            }
        return isPlain ? value : "\"\(escaped(value, quotes: true))\""
    }

    /// The text with control characters, line separators and bidirectional overrides escaped, cut at 4096 scalars.
    static func escaped(_ text: String, quotes: Bool = false) -> String {
        var result = ""
        var count = 0
        for scalar in text.unicodeScalars {
            count += 1
            if count > 4096 {
                result += "…"
                break
            }
            switch scalar {
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\"" where quotes: result += "\\\""
            case "\\" where quotes: result += "\\\\"
            default:
                switch scalar.properties.generalCategory {
                case .control, .format, .lineSeparator, .paragraphSeparator:
                    result += "\\u{\(String(scalar.value, radix: 16))}"
                default: result.unicodeScalars.append(scalar)
                }
            }
        }
        return result
    }

    /// The time now in UTC with milliseconds (RFC 3339).
    private static func timestamp() -> String {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        var parts = tm()
        gmtime_r(&now.tv_sec, &parts)
        func padded(_ number: some BinaryInteger, _ width: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
        }
        let date = "\(padded(parts.tm_year + 1900, 4))-\(padded(parts.tm_mon + 1, 2))-\(padded(parts.tm_mday, 2))"
        let clock = "\(padded(parts.tm_hour, 2)):\(padded(parts.tm_min, 2)):\(padded(parts.tm_sec, 2))"
        return "\(date)T\(clock).\(padded(now.tv_nsec / 1_000_000, 3))Z"
    }
}
