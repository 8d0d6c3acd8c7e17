// SPDX-License-Identifier: Apache-2.0

/// What is known of a stored set without its examples.
package struct ExampleSetRecord: Sendable, Equatable {
    /// Its name.
    package var id: String
    /// Its newest version.
    package var version: String
    /// All versions that are kept, newest first.
    package var versions: [String]
    /// When it last changed, in seconds since 1970.
    package var updated: Int
    /// The members of its JSON that say what is in it, as a JSON object.
    package var summary: [UInt8]
}

/// Why a store cannot do what it is asked.
package enum ExampleStoreError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The set has another version than was expected; nil: it is not there.
    case changed(found: String?)
    /// There is no room for more.
    case full(limit: String)
    /// The medium fails; its words.
    case medium(String)

    /// The error in words.
    package var description: String {
        switch self {
        case .changed(let found): "the set has version \(found ?? "none")"
        case .full(let limit): "the store is full: \(limit)"
        case .medium(let reason): "the store fails: \(reason)"
        }
    }
}

/// Where example sets are kept. Any thread may call; a write that returns is durable.
package protocol ExampleStore: Sendable {
    /// The sets by name.
    func records() throws(ExampleStoreError) -> [ExampleSetRecord]
    /// One of them; nil if it is not there.
    func record(_ id: String) throws(ExampleStoreError) -> ExampleSetRecord?
    /// The contents of a version; nil if it is not there.
    func contents(_ id: String, version: String) throws(ExampleStoreError) -> [UInt8]?
    /// Makes `contents` the newest version of the set.
    ///
    /// - Parameter expected: the version that the set must have until then; nil: any, or none.
    /// - Returns: whether the set is new.
    func put(
        _ id: String, contents: [UInt8], version: String, summary: [UInt8], expected: String?
    ) throws(ExampleStoreError) -> Bool
    /// Removes a set with all its versions; false if it is not there.
    func remove(_ id: String, expected: String?) throws(ExampleStoreError) -> Bool
}
