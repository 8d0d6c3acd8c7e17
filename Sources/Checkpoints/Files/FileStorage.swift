// SPDX-License-Identifier: Apache-2.0

package import Compute
import Glibc

/// How the bytes of a checkpoint's files come into memory.
public enum LoadMode: Sendable, Equatable {
    /// Map files of 64 MiB and more that only their owner can change; read all others. The default.
    ///
    /// What remains: the owner of a large file may still cut it short in place, see ``map``. Whoever replaces a model
    /// by writing a new file and renaming it over the old one, as package managers and downloaders do, does no harm.
    case automatic
    /// Map every file, privately and read-only.
    ///
    /// Fastest to open and shared between processes. But if somebody truncates the file in place while it is mapped,
    /// touching the lost pages raises SIGBUS, which ends the process unless ``MappedFiles/surviveTruncation()`` is in
    /// force; and writing into it in place changes the weights under the model.
    case map
    /// Read every file into memory of our own; nothing that happens to the file afterwards matters.
    case read
}

/// Brings whole files into memory.
package enum FileStorage {
    /// Below this size a file is read rather than mapped by ``LoadMode/automatic``.
    static let mapThreshold = 64 << 20

    /// The bytes of the regular file at `path`.
    ///
    /// The size is taken when the file is opened and taken again when its bytes are there; a difference is an error,
    /// as is an empty file.
    package static func load(_ path: String, mode: LoadMode) throws(CheckpointError) -> Storage {
        let file = try open(path)
        defer { close(file.descriptor) }
        let maps: Bool
        switch mode {
        case .map: maps = true
        case .read: maps = false
        case .automatic:
            maps = file.byteCount >= mapThreshold && file.status.st_mode & (S_IWGRP | S_IWOTH) == 0
        }
        let storage = maps ? try map(file, path) : try read(file, path)
        var now = stat()
        guard fstat(file.descriptor, &now) == 0 else { throw FilePath.systemError(path, "examine") }
        guard Int(exactly: now.st_size) == file.byteCount else {
            throw .malformed(
                file: FilePath.name(path), byteOffset: nil, what: "the file's size changed while it was opened",
                expected: "\(file.byteCount) bytes", found: "\(now.st_size)")
        }
        return storage
    }

    /// The bytes of a small file such as a configuration; more than `limit` is an error.
    package static func loadSmall(_ path: String, limit: Int) throws(CheckpointError) -> [UInt8] {
        let file = try open(path, allowsEmpty: true)
        defer { close(file.descriptor) }
        guard file.byteCount <= limit else {
            throw .malformed(
                file: FilePath.name(path), byteOffset: nil, what: "size", expected: "at most \(limit) bytes",
                found: "\(file.byteCount)")
        }
        var failure: CheckpointError?
        let bytes = [UInt8](unsafeUninitializedCapacity: file.byteCount) { memory, count in
            count = 0
            do throws(CheckpointError) {
                try fill(UnsafeMutableRawBufferPointer(memory), file.descriptor, path)
                count = file.byteCount
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }

    private struct OpenFile {
        let descriptor: Int32
        let status: stat
        let byteCount: Int
    }

    private static func open(_ path: String, allowsEmpty: Bool = false) throws(CheckpointError) -> OpenFile {
        // Non-blocking, so that a named pipe does not hold us.
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw FilePath.systemError(path, "open") }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let error = FilePath.systemError(path, "examine")
            close(descriptor)
            throw error
        }
        guard status.st_mode & S_IFMT == S_IFREG, let size = Int(exactly: status.st_size), size > 0 || allowsEmpty
        else {
            close(descriptor)
            throw .notACheckpoint(
                path: path, found: status.st_mode & S_IFMT == S_IFREG ? "an empty file" : "not a regular file")
        }
        return OpenFile(descriptor: descriptor, status: status, byteCount: size)
    }

    private static func map(_ file: OpenFile, _ path: String) throws(CheckpointError) -> Storage {
        guard let address = mmap(nil, file.byteCount, PROT_READ, MAP_PRIVATE, file.descriptor, 0),
            address != MAP_FAILED
        else { throw FilePath.systemError(path, "map") }
        return Storage(mapped: address, byteCount: file.byteCount)
    }

    private static func read(_ file: OpenFile, _ path: String) throws(CheckpointError) -> Storage {
        // Anonymous pages: given back to the system at once when released, and huge where the kernel has them.
        guard
            let address = mmap(
                nil, file.byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            address != MAP_FAILED
        else { throw FilePath.systemError(path, "find memory for") }
        if file.byteCount >= 4 << 20 { madvise(address, file.byteCount, MADV_HUGEPAGE) }
        let storage = Storage(bytes: UnsafeRawBufferPointer(start: address, count: file.byteCount)) { bytes in
            munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count)
        }
        try fill(UnsafeMutableRawBufferPointer(start: address, count: file.byteCount), file.descriptor, path)
        return storage
    }

    private static func fill(
        _ memory: UnsafeMutableRawBufferPointer, _ descriptor: Int32, _ path: String
    ) throws(CheckpointError) {
        var done = 0
        while done < memory.count {
            let count = pread(
                descriptor, memory.baseAddress.map { $0 + done }, min(memory.count - done, 1 << 30), off_t(done))
            if count < 0 {
                if errno == EINTR { continue }
                throw FilePath.systemError(path, "read")
            }
            guard count > 0 else {
                throw .malformed(
                    file: FilePath.name(path), byteOffset: done, what: "the file ended while it was read",
                    expected: "\(memory.count) bytes", found: "\(done)")
            }
            done += count
        }
    }
}
