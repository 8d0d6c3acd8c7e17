// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc

/// Finds checkpoints and the folders that come with the program.
struct ModelFiles {
    /// Where checkpoints are looked for by name; nil: the shipped folder.
    var modelsFolder: String?

    /// The path of a model argument: a path as it is, else a name in the models folder.
    func path(of argument: String) -> String {
        if Self.exists(argument) { return argument }
        if let folder = modelsFolder ?? Self.shippedFolder("Models") {
            for candidate in ["\(folder)/\(argument)", "\(folder)/\(argument).gguf"] where Self.exists(candidate) {
                return candidate
            }
        }
        return argument
    }

    /// The checkpoint to take where none is named: what the file `default` of the models folder says.
    ///
    /// - Throws: a ``ValidationError`` if there is none.
    func defaultPath() throws -> String {
        guard let folder = modelsFolder ?? Self.shippedFolder("Models"),
            let text = Self.firstLine(of: "\(folder)/default")
        else {
            throw ValidationError("Missing argument MODEL: there is no shipped model here (no file Models/default)")
        }
        return text.hasPrefix("/") ? text : "\(folder)/\(text)"
    }

    /// The folder named `name` in the working directory, or in one of those above the program.
    static func shippedFolder(_ name: String) -> String? {
        if isFolder(name) { return name }
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        guard count > 0, count < buffer.count else { return nil }
        var parts = buffer[..<count].map { UInt8(bitPattern: $0) }.split(separator: UInt8(ascii: "/"))
        for _ in 0..<5 where !parts.isEmpty {
            parts.removeLast()
            let folder = "/" + parts.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "/") + "/" + name
            if isFolder(folder) { return folder }
        }
        return nil
    }

    private static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    private static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    private static func firstLine(of path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = read(descriptor, &buffer, buffer.count)
        guard count > 0, let line = buffer[..<count].split(separator: UInt8(ascii: "\n")).first else { return nil }
        var text = String(decoding: line, as: UTF8.self)
        while text.last == " " || text.last == "\r" { text.removeLast() }
        return text.isEmpty ? nil : text
    }
}
