// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc

/// Options from the environment: the variable of `--max-queue` is TEMPER_MAX_QUEUE. A flag wins over its variable; an
/// empty variable counts as absent.
enum Environment {
    /// The variable's text.
    static func text(_ name: String) -> String? {
        guard let pointer = getenv("TEMPER_\(name)") else { return nil }
        let text = String(cString: pointer)
        return text.isEmpty ? nil : text
    }

    /// The flag's value, else the variable's.
    static func value<Value: LosslessStringConvertible>(_ flag: Value?, _ name: String) throws -> Value? {
        if let flag { return flag }
        guard let text = text(name) else { return nil }
        guard let value = Value(text) else {
            throw ValidationError("The value '\(text)' is invalid for the variable TEMPER_\(name)")
        }
        return value
    }

    /// The flag, or the variable: 1, true, yes, on.
    static func flag(_ flag: Bool, _ name: String) throws -> Bool {
        if flag { return true }
        switch text(name)?.lowercased() {
        case nil, "0", "false", "no", "off": return false
        case "1", "true", "yes", "on": return true
        case let other?: throw ValidationError("The value '\(other)' is invalid for the variable TEMPER_\(name)")
        }
    }

    /// The flags, or the variable's parts between commas.
    static func list(_ flags: [String], _ name: String) -> [String] {
        if !flags.isEmpty { return flags }
        return (text(name) ?? "").split(separator: ",").map(String.init)
    }
}
