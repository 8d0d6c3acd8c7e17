// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB
import Glibc

/// Example sets in SQLite: in a file that is written ahead (WAL) and flushed with every transaction (synchronous FULL), or
/// in memory.
///
/// A set has a row that names its newest version, and a row per version that is kept, with its contents. Both change in
/// one transaction, so what is seen is a whole version or none.
package final class ExampleDatabase: ExampleStore {
    /// How many versions of a set are kept.
    static let versionCount = 32
    /// How many sets there may be.
    static let setCount = 4096
    /// The contents of all versions of all sets together.
    static let totalBytes = 1 << 30

    private let writer: any DatabaseWriter

    /// Opens the database in a folder, which is made if it is not there; nil: in memory.
    ///
    /// - Throws: ``ExampleStoreError/medium(_:)``.
    package init(folder: String?) throws(ExampleStoreError) {
        do {
            var configuration = Configuration()
            configuration.label = "temper.examples"
            configuration.busyMode = .timeout(10)
            guard let folder else {
                writer = try DatabaseQueue(configuration: configuration)
                try Self.migrator.migrate(writer)
                return
            }
            try Self.makeFolder(folder)
            configuration.prepareDatabase { database in
                try database.execute(sql: "PRAGMA synchronous = FULL")
            }
            writer = try DatabasePool(path: "\(folder)/examples.sqlite", configuration: configuration)
            try Self.migrator.migrate(writer)
        } catch {
            throw Self.storeError(error)
        }
    }

    private static func makeFolder(_ path: String) throws {
        guard mkdir(path, 0o700) != 0 else { return }
        guard errno == EEXIST else {
            throw ExampleStoreError.medium("cannot make \(path): \(String(cString: strerror(errno)))")
        }
    }

    private static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("example sets") { database in
            try database.execute(
                sql: """
                    CREATE TABLE example_set (
                        id TEXT PRIMARY KEY NOT NULL,
                        version TEXT NOT NULL,
                        updated INTEGER NOT NULL
                    ) STRICT;
                    CREATE TABLE example_set_version (
                        number INTEGER PRIMARY KEY AUTOINCREMENT,
                        id TEXT NOT NULL REFERENCES example_set(id) ON DELETE CASCADE,
                        version TEXT NOT NULL,
                        summary BLOB NOT NULL,
                        contents BLOB NOT NULL,
                        UNIQUE (id, version)
                    ) STRICT;
                    """)
        }
        return migrator
    }

    private static func storeError(_ error: any Error) -> ExampleStoreError {
        switch error {
        case let error as ExampleStoreError: error
        case let error as DatabaseError: .medium(error.message ?? "SQLite says \(error.resultCode)")
        default: .medium("\(error)")
        }
    }

    private func read<Answer>(_ body: (Database) throws -> Answer) throws(ExampleStoreError) -> Answer {
        do { return try writer.read(body) } catch { throw Self.storeError(error) }
    }

    private func write<Answer>(_ body: (Database) throws -> Answer) throws(ExampleStoreError) -> Answer {
        do { return try writer.write(body) } catch { throw Self.storeError(error) }
    }

    // MARK: Reading

    /// The sets by name. See ``ExampleStore``.
    package func records() throws(ExampleStoreError) -> [ExampleSetRecord] {
        try read { database in
            var versions: [String: [String]] = [:]
            for row in try Row.fetchAll(
                database, sql: "SELECT id, version FROM example_set_version ORDER BY number DESC")
            {
                versions[row["id"], default: []].append(row["version"])
            }
            return try Row.fetchAll(
                database,
                sql: """
                    SELECT s.id, s.version, s.updated, v.summary FROM example_set s
                    JOIN example_set_version v ON v.id = s.id AND v.version = s.version ORDER BY s.id
                    """
            ).map { row in
                ExampleSetRecord(
                    id: row["id"], version: row["version"], versions: versions[row["id"]] ?? [],
                    updated: row["updated"], summary: Array(row["summary"] as Data))
            }
        }
    }

    /// One set. See ``ExampleStore``.
    package func record(_ id: String) throws(ExampleStoreError) -> ExampleSetRecord? {
        try read { database in
            guard
                let row = try Row.fetchOne(
                    database,
                    sql: """
                        SELECT s.version, s.updated, v.summary FROM example_set s
                        JOIN example_set_version v ON v.id = s.id AND v.version = s.version WHERE s.id = ?
                        """, arguments: [id])
            else { return nil }
            let versions = try String.fetchAll(
                database, sql: "SELECT version FROM example_set_version WHERE id = ? ORDER BY number DESC",
                arguments: [id])
            return ExampleSetRecord(
                id: id, version: row["version"], versions: versions, updated: row["updated"],
                summary: Array(row["summary"] as Data))
        }
    }

    /// The contents of a version. See ``ExampleStore``.
    package func contents(_ id: String, version: String) throws(ExampleStoreError) -> [UInt8]? {
        try read { database in
            try Data.fetchOne(
                database, sql: "SELECT contents FROM example_set_version WHERE id = ? AND version = ?",
                arguments: [id, version]
            ).map { Array($0) }
        }
    }

    // MARK: Writing

    /// Makes a version the newest. See ``ExampleStore``.
    package func put(
        _ id: String, contents: [UInt8], version: String, summary: [UInt8], expected: String?
    ) throws(ExampleStoreError) -> Bool {
        try write { database in
            let found = try Self.check(id, expected: expected, in: database)
            if found == nil {
                let count = try Int.fetchOne(database, sql: "SELECT count(*) FROM example_set") ?? 0
                guard count < Self.setCount else {
                    throw ExampleStoreError.full(limit: "at most \(Self.setCount) sets are kept")
                }
            }
            try database.execute(
                sql: """
                    INSERT INTO example_set (id, version, updated) VALUES (?, ?, ?)
                    ON CONFLICT (id) DO UPDATE SET version = excluded.version, updated = excluded.updated
                    """, arguments: [id, version, time(nil)])
            // Contents that were there before are the newest again.
            try database.execute(
                sql: "DELETE FROM example_set_version WHERE id = ? AND version = ?", arguments: [id, version])
            try database.execute(
                sql: "INSERT INTO example_set_version (id, version, summary, contents) VALUES (?, ?, ?, ?)",
                arguments: [id, version, Data(summary), Data(contents)])
            try database.execute(
                sql: """
                    DELETE FROM example_set_version WHERE id = ? AND number NOT IN
                    (SELECT number FROM example_set_version WHERE id = ? ORDER BY number DESC LIMIT ?)
                    """, arguments: [id, id, Self.versionCount])
            let total = try Int.fetchOne(
                database, sql: "SELECT coalesce(sum(length(contents)), 0) FROM example_set_version")
            guard total ?? 0 <= Self.totalBytes else {
                throw ExampleStoreError.full(limit: "all versions may take \(Self.totalBytes >> 20) MiB together")
            }
            return found == nil
        }
    }

    /// Removes a set. See ``ExampleStore``.
    package func remove(_ id: String, expected: String?) throws(ExampleStoreError) -> Bool {
        try write { database in
            guard try Self.check(id, expected: expected, in: database) != nil else { return false }
            try database.execute(sql: "DELETE FROM example_set WHERE id = ?", arguments: [id])
            return true
        }
    }

    /// The newest version of a set, which must be `expected` if that is given; nil if the set is not there.
    private static func check(_ id: String, expected: String?, in database: Database) throws -> String? {
        let found = try String.fetchOne(database, sql: "SELECT version FROM example_set WHERE id = ?", arguments: [id])
        if let expected, expected != found { throw ExampleStoreError.changed(found: found) }
        return found
    }
}
