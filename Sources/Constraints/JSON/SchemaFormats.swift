// SPDX-License-Identifier: Apache-2.0

/// The values of `format` that are honoured, as regular expressions.
///
/// Each is a part of what its specification allows that leaves no doubt: dates exist, times have an offset and no leap
/// second (RFC 3339), host names are ASCII (RFC 1123), addresses are not abbreviated.
enum SchemaFormats {
    private static let year = "(?:[0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)"
    private static let leap = "(?:0[48]|[2468][048]|[13579][26])"
    private static let date =
        "(?:\(year)-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
        + "|02-(?:0[1-9]|1[0-9]|2[0-8]))|(?:[0-9]{2}\(leap)|\(leap)00)-02-29)"
    private static let clock = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
    private static let time = "\(clock):[0-5][0-9](?:\\.[0-9]{1,6})?(?:Z|[+-]\(clock))"
    private static let label = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?"
    private static let hostname = "\(label)(?:\\.\(label)){0,6}"
    private static let octet = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
    private static let atoms = "[A-Za-z0-9_+-]{1,20}(?:\\.[A-Za-z0-9_+-]{1,20}){0,2}"
    private static let count = "[0-9]{1,6}"
    private static let days = "(?:\(count)D|\(count)M(?:\(count)D)?|\(count)Y(?:\(count)M(?:\(count)D)?)?)"
    private static let hours = "T(?:\(count)H(?:\(count)M(?:\(count)S)?)?|\(count)M(?:\(count)S)?|\(count)S)"
    private static let hex = "[0-9a-fA-F]"

    private static let patterns: [String: String] = [
        "date": date,
        "time": time,
        "date-time": "\(date)T\(time)",
        "duration": "P(?:\(days)(?:\(hours))?|\(hours)|\(count)W)",
        "uuid": "\(hex){8}-\(hex){4}-\(hex){4}-\(hex){4}-\(hex){12}",
        "hostname": hostname,
        "email": "\(atoms)@\(hostname)",
        "ipv4": "\(octet)(?:\\.\(octet)){3}",
        "ipv6": "(?:\(hex){1,4}:){7}\(hex){1,4}",
    ]

    /// The names, for error texts and documents.
    static var names: [String] { patterns.keys.sorted() }

    /// The texts of a format; nil if it is not known.
    static func expression(_ name: String) throws(ConstraintError) -> Expression? {
        guard let pattern = patterns[name] else { return nil }
        return try RegularExpression(pattern).wholeMatch
    }
}
