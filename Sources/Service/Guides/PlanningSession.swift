// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Engine
import HTTPServing
import Synchronization

/// Makes a plan that depends on what the model knows: asks it, and plans anew, until nothing is missing.
final class PlanningSession<Plan: Sendable>: Sendable {
    private struct Control {
        var inquiry: ModelInquiry?
        var isGone = false
    }

    private let assembly: PromptAssembly
    private let engine: any InferenceEngine
    private let queue: DispatchQueue
    private let make: @Sendable (PromptAssembly) throws(APIError) -> Plan
    private let finished: @Sendable (Result<Plan, APIError>, _ isGone: Bool) -> Void
    private let control = Mutex(Control())

    /// - Parameters:
    ///   - queue: serial.
    ///   - finished: is called on the queue, once.
    init(
        _ assembly: PromptAssembly, engine: any InferenceEngine, queue: DispatchQueue,
        make: @escaping @Sendable (PromptAssembly) throws(APIError) -> Plan,
        finished: @escaping @Sendable (Result<Plan, APIError>, _ isGone: Bool) -> Void
    ) {
        self.assembly = assembly
        self.engine = engine
        self.queue = queue
        self.make = make
        self.finished = finished
    }

    /// Asks for what is missing. Stops when the client is gone.
    func start(_ missing: [[ModelQuestion]], responder: any HTTPResponder) {
        responder.onDisconnect { [weak self] in self?.leave() }
        ask(missing)
    }

    private func leave() {
        let inquiry = control.withLock { control in
            control.isGone = true
            return control.inquiry
        }
        inquiry?.cancel()
    }

    private func ask(_ missing: [[ModelQuestion]]) {
        let inquiry = ModelInquiry(missing, for: assembly.book, engine: engine, queue: queue) { error in
            self.receive(error)
        }
        let isGone = control.withLock { control in
            control.inquiry = inquiry
            return control.isGone
        }
        if isGone { inquiry.cancel() }
        inquiry.start()
    }

    private func receive(_ error: EngineError?) {
        let isGone = control.withLock { control in
            control.inquiry = nil
            return control.isGone
        }
        if let error { return finished(.failure(APIError(error, param: RequestFields.shots.name)), isGone) }
        do throws(APIError) {
            finished(.success(try make(assembly)), isGone)
        } catch {
            guard let missing = assembly.book.takeMissing() else { return finished(.failure(error), isGone) }
            ask(missing)
        }
    }
}
