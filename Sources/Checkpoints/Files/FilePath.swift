// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Questions about paths, and the names in them.
package enum FilePath {
    /// What stands at a path.
    package enum Kind { case file, folder, other }

    /// What stands at `path`, following links.
    package static func kind(_ path: String) throws(CheckpointError) -> Kind {
        var status = stat()
        guard stat(path, &status) == 0 else { throw systemError(path, "open") }
        switch status.st_mode & S_IFMT {
        case S_IFREG: return .file
        case S_IFDIR: return .folder
        default: return .other
        }
    }

    /// Whether a regular file stands at `path`.
    package static func isFile(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    /// The part after the last slash.
    package static func name(_ path: String) -> String {
        var trimmed = path[...]
        while trimmed.count > 1, trimmed.last == "/" { trimmed.removeLast() }
        return trimmed.lastIndex(of: "/").map { String(trimmed[trimmed.index(after: $0)...]) } ?? String(trimmed)
    }

    /// The folder that `path` stands in; "." where it names none.
    package static func folder(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// `name` in `folder`.
    package static func join(_ folder: String, _ name: String) -> String {
        folder.hasSuffix("/") ? folder + name : folder + "/" + name
    }

    /// The names in a folder, sorted; at most 65,536.
    package static func names(inFolder path: String) throws(CheckpointError) -> [String] {
        guard let folder = opendir(path) else { throw systemError(path, "list") }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
            guard names.count <= 65_536 else {
                throw .notACheckpoint(path: path, found: "a folder of more than 65536 entries")
            }
        }
        return names.sorted()
    }

    /// Makes the folder at `path` and those above it; one that is there is left as it is.
    package static func makeFolder(_ path: String) throws(CheckpointError) {
        var status = stat()
        if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { return }
        let above = folder(path)
        if above != path, above != "." { try makeFolder(above) }
        guard mkdir(path, 0o755) == 0 || errno == EEXIST else { throw systemError(path, "create") }
    }

    /// The error for the current `errno`.
    package static func systemError(_ path: String, _ operation: String) -> CheckpointError {
        let code = errno
        return .system(path: path, operation: operation, code: code, reason: String(cString: strerror(code)))
    }
}
