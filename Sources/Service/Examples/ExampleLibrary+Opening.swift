// SPDX-License-Identifier: Apache-2.0

import Foundation
import StrictJSON

/// Why the example sets cannot be opened.
public enum ExampleLibraryError: Error, Sendable, CustomStringConvertible {
    /// The folder for them cannot be used.
    case store(folder: String, reason: String)
    /// A set that comes with the program is at fault.
    case shipped(path: String, reason: String)

    /// The reason in words.
    public var description: String {
        switch self {
        case .store(let folder, let reason): "\(folder): \(reason)"
        case .shipped(let path, let reason): "\(path): \(reason)"
        }
    }
}

extension ExampleLibrary {
    /// How large a file of a set that comes with the program may be.
    private static let fileBytes = 16 << 20

    /// Opens the sets of a server.
    ///
    /// - Parameters:
    ///   - folder: where sets are kept; made if it is not there; nil: in memory.
    ///   - shippedFolder: holds the sets that come with the program, each as `ID.json` with the body of a PUT; nil: none.
    /// - Throws: ``ExampleLibraryError``.
    public static func open(
        folder: String?, shippedFolder: String?
    ) throws(ExampleLibraryError) -> ExampleLibrary {
        let shipped = try shippedFolder.map { path throws(ExampleLibraryError) in try readShipped(path) } ?? []
        do throws(ExampleStoreError) {
            return ExampleLibrary(store: try ExampleDatabase(folder: folder), shipped: shipped)
        } catch {
            throw .store(folder: folder ?? "memory", reason: error.description)
        }
    }

    /// The sets that come with the program alone, for reading.
    ///
    /// - Throws: ``ExampleLibraryError/shipped(path:reason:)``.
    package static func shipped(in folder: String?) throws(ExampleLibraryError) -> ExampleLibrary {
        ExampleLibrary(
            store: nil, shipped: try folder.map { path throws(ExampleLibraryError) in try readShipped(path) } ?? [])
    }

    private static func readShipped(
        _ folder: String
    ) throws(ExampleLibraryError) -> [(id: String, content: ExampleSetContent)] {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else { return [] }
        var sets: [(id: String, content: ExampleSetContent)] = []
        for name in names.sorted() where name.hasSuffix(".json") {
            let path = "\(folder)/\(name)"
            let id = String(name.dropLast(".json".count))
            guard ExampleSetFields.isID(id) else { throw .shipped(path: path, reason: "the name is no id of a set") }
            guard let data = FileManager.default.contents(atPath: path), data.count <= fileBytes else {
                throw .shipped(path: path, reason: "cannot be read, or has more than \(fileBytes) bytes")
            }
            do throws(APIError) {
                sets.append((id, try content(Array(data))))
            } catch {
                throw .shipped(path: path, reason: error.message)
            }
        }
        return sets
    }

    private static func content(_ bytes: [UInt8]) throws(APIError) -> ExampleSetContent {
        let json: JSON
        do throws(JSONError) {
            json = try JSONParser.parse(bytes)
        } catch {
            throw .invalidJSON(error)
        }
        var reading = FieldReading(limits: nil, isStrict: true)
        return try ExampleSetFields.read(try Read.object(json, "body"), &reading)
    }
}
