// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Real data beside the repository, which is not part of it.
enum TestData {
    /// The folder: TEMPER_DATA, else `shared/data` beside a folder above this file; nil where it is absent.
    static let folder: URL? = {
        if let path = ProcessInfo.processInfo.environment["TEMPER_DATA"] { return existing(URL(fileURLWithPath: path)) }
        var place = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        while place.path != "/" {
            place.deleteLastPathComponent()
            if let found = existing(place.appendingPathComponent("shared/data")) { return found }
        }
        return nil
    }()

    static let isPresent = folder != nil
    static let reason = "the folder of real data is absent; set TEMPER_DATA to it"

    private static func existing(_ url: URL) -> URL? {
        FileManager.default.fileExists(atPath: url.path) ? url : nil
    }

    /// The path of a file of the data folder.
    static func path(_ name: String) -> String { (folder?.path ?? "") + "/" + name }
}

/// Committed goldens.
enum Fixture {
    static func path(_ name: String) -> String {
        URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Fixtures/checkpoints/" + name).path
    }
}

/// A folder that goes when the value does.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("checkpoints-" + UUID().uuidString)
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { path + "/" + name }

    @discardableResult
    func write(_ name: String, _ bytes: some Sequence<UInt8>) throws -> String {
        let path = file(name)
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        return path
    }

    @discardableResult
    func write(_ name: String, text: String) throws -> String { try write(name, text.utf8) }
}
