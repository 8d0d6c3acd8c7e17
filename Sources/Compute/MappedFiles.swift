// SPDX-License-Identifier: Apache-2.0

internal import CNative
import Glibc

/// What keeps a process alive whose mapped files are cut short.
public enum MappedFiles {
    /// Installs a SIGBUS handler that replaces pages lost to truncation by zeros, in every storage made by
    /// ``Storage/init(mapped:byteCount:)``. For a program's `main`; a library leaves signals alone.
    ///
    /// A model that lost pages computes nonsense: ask ``Storage/isDamaged`` after a step and stop using it.
    ///
    /// - Returns: whether the handler is in force.
    @discardableResult
    public static func surviveTruncation() -> Bool { tpr_mapguard_install() == 0 }
}

extension Storage {
    /// A storage over a file's private mapping at `mapped`, which is unmapped when the last reference goes.
    public convenience init(mapped: UnsafeRawPointer, byteCount: Int) {
        let slot = tpr_mapguard_add(mapped, byteCount)
        self.init(bytes: UnsafeRawBufferPointer(start: mapped, count: byteCount), guardSlot: slot) { bytes in
            tpr_mapguard_remove(slot)
            munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count)
        }
    }

    /// Whether pages of the mapped file were lost to truncation and read as zeros since, which only a process that asked
    /// for ``MappedFiles/surviveTruncation()`` lives to see.
    public var isDamaged: Bool { tpr_mapguard_is_damaged(guardSlot) != 0 }
}
