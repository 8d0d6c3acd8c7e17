// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Glibc

/// Tells on a queue when a descriptor can be read or written, and closes it in the end. The one place that knows how
/// readiness is learned; an epoll loop could stand here.
///
/// Concurrency: all members are called on the queue.
final class ReadinessSource {
    private let descriptor: Int32
    private let queue: DispatchQueue
    private let readSource: any DispatchSourceRead
    private var writeSource: (any DispatchSourceWrite)?
    private let onWritable: () -> Void
    private let onClosed: () -> Void
    private var isReading = false
    private var isWriting = false
    private var openSources = 1
    private var isCancelled = false

    /// Takes the descriptor over. Neither reading nor writing is watched yet.
    init(
        descriptor: Int32, queue: DispatchQueue, onReadable: @escaping () -> Void,
        onWritable: @escaping () -> Void, onClosed: @escaping () -> Void
    ) {
        self.descriptor = descriptor
        self.queue = queue
        self.onWritable = onWritable
        self.onClosed = onClosed
        readSource = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
        readSource.setEventHandler { onReadable() }
        readSource.setCancelHandler { self.sourceEnded() }
    }

    /// Whether `onReadable` is called while bytes, FIN or an error wait.
    func watchReading(_ watches: Bool) {
        guard watches != isReading, !isCancelled else { return }
        isReading = watches
        if watches { readSource.resume() } else { readSource.suspend() }
    }

    /// Whether `onWritable` is called while there is room to write.
    func watchWriting(_ watches: Bool) {
        guard watches != isWriting, !isCancelled else { return }
        isWriting = watches
        if writeSource == nil {
            let source = DispatchSource.makeWriteSource(fileDescriptor: descriptor, queue: queue)
            source.setEventHandler { [onWritable] in onWritable() }
            source.setCancelHandler { self.sourceEnded() }
            openSources += 1
            writeSource = source
        }
        if watches { writeSource?.resume() } else { writeSource?.suspend() }
    }

    /// Stops watching, then closes the descriptor, then calls `onClosed`. Once.
    func close() {
        guard !isCancelled else { return }
        isCancelled = true
        readSource.cancel()
        if !isReading { readSource.resume() }  // A suspended source never gets to its cancel handler.
        writeSource?.cancel()
        if !isWriting { writeSource?.resume() }
    }

    private func sourceEnded() {
        openSources -= 1
        guard openSources == 0 else { return }
        Glibc.close(descriptor)
        onClosed()
    }
}
