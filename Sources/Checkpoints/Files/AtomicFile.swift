// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Writes a file so that its path holds either what was there before or all of the new bytes, whatever happens:
/// temporary name in the same folder, fsync, rename, fsync of the folder.
package enum AtomicFile {
    /// Takes bytes in the order of the file.
    package typealias Sink = (UnsafeRawBufferPointer) throws(CheckpointError) -> Void

    /// Writes what `content` passes to its argument to `path`. On failure the temporary file is removed.
    package static func write(
        _ path: String, _ content: (Sink) throws(CheckpointError) -> Void
    ) throws(CheckpointError) {
        let folder = FilePath.folder(path)
        let nonce = String(UInt64.random(in: 0...UInt64.max), radix: 36)
        let temporary = FilePath.join(folder, ".\(FilePath.name(path).prefix(128)).\(nonce).tmp")
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FilePath.systemError(temporary, "create") }
        do throws(CheckpointError) {
            try content { bytes throws(CheckpointError) in try append(bytes, descriptor, temporary) }
            guard fsync(descriptor) == 0 else { throw FilePath.systemError(temporary, "flush") }
        } catch {
            close(descriptor)
            unlink(temporary)
            throw error
        }
        guard close(descriptor) == 0, rename(temporary, path) == 0 else {
            let error = FilePath.systemError(path, "write")
            unlink(temporary)
            throw error
        }
        let folderDescriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folderDescriptor >= 0 else { throw FilePath.systemError(folder, "open") }
        defer { close(folderDescriptor) }
        guard fsync(folderDescriptor) == 0 else { throw FilePath.systemError(folder, "flush") }
    }

    private static func append(
        _ bytes: UnsafeRawBufferPointer, _ descriptor: Int32, _ path: String
    ) throws(CheckpointError) {
        var done = 0
        while done < bytes.count {
            let count = Glibc.write(descriptor, bytes.baseAddress.map { $0 + done }, min(bytes.count - done, 1 << 30))
            if count < 0 {
                if errno == EINTR { continue }
                throw FilePath.systemError(path, "write")
            }
            done += count
        }
    }
}

/// Bytes of a file's header in the making, little-endian.
struct ByteBuilder {
    private(set) var bytes: [UInt8] = []

    mutating func append(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func append(_ values: some Sequence<some FixedWidthInteger>) {
        for value in values { append(value) }
    }

    /// GGUF's string: a 64-bit length and UTF-8.
    mutating func append(string: String) {
        append(UInt64(string.utf8.count))
        bytes.append(contentsOf: string.utf8)
    }

    mutating func pad(to alignment: Int) {
        while bytes.count % alignment != 0 { bytes.append(0) }
    }
}
