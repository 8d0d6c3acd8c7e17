// SPDX-License-Identifier: Apache-2.0

package import Prompting
import StrictJSON
import Synchronization

/// The example sets of a server: those of its store, and behind them those that come with the program. Any thread may
/// call; calls wait for the store.
public final class ExampleLibrary: Sendable {
    /// A set that is ready to select from.
    package struct Loaded: Sendable {
        package var id: String
        package var version: String
        package var content: ExampleSetContent
        package var pool: ExamplePool
        /// What it takes in the cache, in bytes.
        var size: Int
    }

    /// How much of the sets is kept ready.
    private static let cacheBytes = 64 << 20

    private let store: (any ExampleStore)?
    private let shipped: [String: Loaded]
    /// By version, since the same version has the same contents; the last used at the end.
    private let cache = Mutex<(loaded: [Loaded], bytes: Int)>(([], 0))

    /// - Parameter shipped: the sets that come with the program.
    package init(store: (any ExampleStore)?, shipped: [(id: String, content: ExampleSetContent)] = []) {
        self.store = store
        self.shipped = Dictionary(
            shipped.map { ($0.id, Self.load($0.id, $0.content, canonical: $0.content.canonical)) },
            uniquingKeysWith: { first, _ in first })
    }

    private static func load(_ id: String, _ content: ExampleSetContent, canonical: [UInt8]) -> Loaded {
        Loaded(
            id: id, version: ExampleSetContent.version(of: canonical), content: content,
            pool: ExamplePool(content.examples), size: 4 * canonical.count + 256)
    }

    // MARK: Reading

    /// A set in a version, or the newest one.
    ///
    /// - Parameter param: what names the set in the request.
    package func set(_ id: String, version: String? = nil, param: String?) throws(APIError) -> Loaded {
        if let record = try asking({ store throws(ExampleStoreError) in try store.record(id) }) {
            let wanted = version ?? record.version
            if let found = cached(id, wanted) { return found }
            if let contents = try asking({ store throws(ExampleStoreError) in
                try store.contents(id, version: wanted)
            }) {
                return keep(Self.load(id, try ExampleSetContent(canonical: contents), canonical: contents))
            }
            if let found = shipped[id], found.version == wanted { return found }
            throw .exampleSetNotFound(param: param, id: id, version: wanted)
        }
        guard let found = shipped[id] else { throw .exampleSetNotFound(param: param, id: id, version: nil) }
        if let version, version != found.version {
            throw .exampleSetNotFound(param: param, id: id, version: version)
        }
        return found
    }

    /// What the store says; nil without one.
    private func asking<Answer>(
        _ body: (any ExampleStore) throws(ExampleStoreError) -> Answer?
    ) throws(APIError) -> Answer? {
        guard let store else { return nil }
        do throws(ExampleStoreError) {
            return try body(store)
        } catch {
            throw APIError(error)
        }
    }

    /// Writes a set's JSON but for its examples: what the store has, or what comes with the program.
    ///
    /// - Parameter version: the version to describe; nil: the newest.
    func writeHead(
        _ id: String, version: String? = nil, pins: ExamplePins, to writer: inout JSONWriter
    ) throws(APIError) {
        defer { pins.write(of: id, to: &writer) }
        let record = try asking({ store throws(ExampleStoreError) in try store.record(id) })
        if let record, version == nil || version == record.version { return Self.write(record, to: &writer) }
        let found = try set(id, version: version, param: nil)
        let isShipped = record == nil
        Self.writeIdentity(
            id, found.version, record?.versions ?? [found.version], updated: isShipped ? nil : record?.updated,
            to: &writer)
        found.content.writeSummary(to: &writer)
    }

    /// The newest version of a set; nil: there is no such set.
    func newestVersion(of id: String) throws(APIError) -> String? {
        let record = try asking { store throws(ExampleStoreError) in try store.record(id) }
        return record?.version ?? shipped[id]?.version
    }

    /// Writes the JSON of all sets, by name.
    func writeList(pins: ExamplePins, to writer: inout JSONWriter) throws(APIError) {
        let records = try asking({ store throws(ExampleStoreError) in try store.records() }) ?? []
        let names = Set(records.map(\.id)).union(shipped.keys).sorted()
        let byName = Dictionary(records.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        writer.array { array in
            for name in names {
                array.object { object in
                    if let record = byName[name] {
                        Self.write(record, to: &object)
                    } else if let found = shipped[name] {
                        Self.write(found, to: &object)
                    }
                    pins.write(of: name, to: &object)
                }
            }
        }
    }

    private static func write(_ record: ExampleSetRecord, to writer: inout JSONWriter) {
        writeIdentity(record.id, record.version, record.versions, updated: record.updated, to: &writer)
        // The store's own text: what it holds was written by this program.
        if case .object(let summary)? = try? JSONParser.parse(record.summary) {
            for (key, value) in summary.members { writer.member(key, value) }
        }
    }

    private static func write(_ set: Loaded, to writer: inout JSONWriter) {
        writeIdentity(set.id, set.version, [set.version], updated: nil, to: &writer)
        set.content.writeSummary(to: &writer)
    }

    /// `updated` is nil for sets that come with the program.
    private static func writeIdentity(
        _ id: String, _ version: String, _ versions: [String], updated: Int?, to writer: inout JSONWriter
    ) {
        writer.member("id", id)
        writer.member("object", "example_set")
        writer.member("version", version)
        writer.member("versions", versions)
        writer.member("updated", updated)
        writer.member("shipped", updated == nil)
    }

    // MARK: Writing

    /// Makes `content` the newest version of a set. Returns whether the set is new.
    func put(_ id: String, _ content: ExampleSetContent, expected: String?) throws(APIError) -> Bool {
        let canonical = content.canonical
        guard canonical.count <= Self.setBytes else {
            throw .notAllowed(
                param: "body", found: "\(canonical.count) bytes",
                allowed: Allowed(min: 0, max: Double(Self.setBytes), counting: "bytes"))
        }
        let version = ExampleSetContent.version(of: canonical)
        var summary = JSONWriter()
        summary.object { content.writeSummary(to: &$0) }
        let summaryBytes = summary.bytes
        let shippedVersion = shipped[id]?.version
        guard
            let isNew = try asking({ store throws(ExampleStoreError) -> Bool? in
                var expected = expected
                if let asked = expected, asked == shippedVersion, try store.record(id) == nil { expected = nil }
                return try store.put(
                    id, contents: canonical, version: version, summary: summaryBytes, expected: expected)
            })
        else { throw .unsupported(param: "id", reason: "this server keeps no example sets", allowed: nil) }
        return isNew && shippedVersion == nil
    }

    /// The largest set, as it is stored.
    static let setBytes = 32 << 20

    /// Removes a set with all its versions.
    func remove(_ id: String, expected: String?) throws(APIError) {
        let isRemoved = try asking({ store throws(ExampleStoreError) in try store.remove(id, expected: expected) })
        guard isRemoved != true else { return }
        guard shipped[id] == nil else {
            throw .unsupported(param: "id", reason: "the set comes with the program", allowed: nil)
        }
        throw .exampleSetNotFound(param: nil, id: id, version: nil)
    }

    // MARK: Cache

    private func cached(_ id: String, _ version: String) -> Loaded? {
        cache.withLock { cache in
            guard let place = cache.loaded.firstIndex(where: { $0.version == version }) else { return nil }
            var found = cache.loaded.remove(at: place)
            cache.loaded.append(found)
            found.id = id
            return found
        }
    }

    private func keep(_ set: Loaded) -> Loaded {
        cache.withLock { cache in
            guard set.size <= Self.cacheBytes, !cache.loaded.contains(where: { $0.version == set.version }) else {
                return
            }
            cache.loaded.append(set)
            cache.bytes += set.size
            while cache.bytes > Self.cacheBytes { cache.bytes -= cache.loaded.removeFirst().size }
        }
        return set
    }
}
