// SPDX-License-Identifier: Apache-2.0

internal import CNative
import Glibc

/// What keeps a process alive whose mapped files are cut short.
public enum MappedFiles {
    /// Installs a SIGBUS handler that replaces pages lost to truncation by zeros, in every storage made by
    /// ``Storage/init(mapped:byteCount:)``. For a program's `main`; a library leaves signals alone.
    ///
    /// A model that lost pages computes nonsense: ask ``lossCount`` after a step and stop using it.
    ///
    /// - Returns: whether the handler is in force.
    @discardableResult
    public static func surviveTruncation() -> Bool { tpr_mapguard_install() == 0 }

    /// How many times lost pages were replaced since the process started; 0 as long as all is well.
    public static var lossCount: Int { Int(clamping: tpr_mapguard_loss_count()) }
}

extension Storage {
    /// A storage over a file's private mapping at `mapped`, which is unmapped when the last reference goes.
    public convenience init(mapped: UnsafeRawPointer, byteCount: Int) {
        let slot = tpr_mapguard_add(mapped, byteCount)
        self.init(bytes: UnsafeRawBufferPointer(start: mapped, count: byteCount)) { bytes in
            tpr_mapguard_remove(slot)
            munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count)
        }
    }
}
