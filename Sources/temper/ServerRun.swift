// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Dispatch
import Engine
import Glibc
import HTTPServing
import HTTPTypes
import Logging
import Service
import Synchronization

/// One run of the server: bind, load, serve, drain.
struct ServerRun {
    private let settings: ServeSettings
    private let logger = Logger(label: "temper")

    init(_ settings: ServeSettings) { self.settings = settings }

    /// Returns when the server has drained after a signal.
    ///
    /// - Throws: a ``Failure`` or an exit code.
    func run() throws {
        var options = ServiceOptions(version: BuildInfo.version)
        if let path = settings.keyFile {
            do throws(KeyFileError) {
                options.keys = try APIKeys(path: path)
            } catch {
                throw Failure(error.description)
            }
        }
        options.requestTimeLimit = settings.requestTimeout
        options.keptRunBytes = settings.runBytes
        do throws(ExampleLibraryError) {
            options.library = try ExampleLibrary.open(
                folder: settings.dataFolder, shippedFolder: settings.exampleFolder)
        } catch {
            throw Failure(error.description)
        }
        options.assets = try PageAssets.load(settings, logger)
        let service = Service(options: options, logger: logger)
        let server = try bind(service, hasKeys: options.keys != nil)
        let signals = SignalWatch()
        server.start()
        logger.notice(
            "listening on http://\(server.address)", metadata: ["version": .string(BuildInfo.version)])
        let engine = try EngineFactory.load(
            settings.paths, tokenizer: settings.tokenizer, options: settings.engine,
            report: { logger.notice("\($0)") })
        signals.beginServing()
        service.start(engine)
        logger.notice(
            "ready on http://\(server.address)",
            metadata: [
                "models": .string(engine.models.map(\.id).joined(separator: " ")),
                "threads": .stringConvertible(settings.engine.threadCount),
            ])
        let signal = signals.wait()
        logger.notice("draining", metadata: ["signal": .stringConvertible(signal)])
        shutDown(service, server, engine)
        logger.notice("stopped")
    }

    private func bind(_ service: Service, hasKeys: Bool) throws -> HTTPServer {
        var configuration = HTTPServer.Configuration(host: settings.host, port: settings.port)
        configuration.policy.hostNames = Set(settings.hostNames)
        configuration.policy.allowedOrigins = Set(settings.origins)
        configuration.policy.methods = [.get, .head, .post, .put, .patch, .delete, .options]
        configuration.headCheck = { service.checkHead($0) }
        configuration.onRejection = { [logger] rejection, peer in
            logger.info(
                "refused",
                metadata: [
                    "peer": .string(peer), "status": .stringConvertible(rejection.status.code),
                    "error": .string(rejection.code),
                ])
        }
        let server: HTTPServer
        do throws(HTTPServerError) {
            server = try HTTPServer(configuration) { service.handle($0, responder: $1) }
        } catch {
            Terminal.note("Error: \(error)")
            if case .addressInUse = error { throw ExitCode(98) }
            throw ExitCode(1)
        }
        if !server.isBoundToLoopback, !hasKeys, !settings.allowsInsecureBind {
            Terminal.note(
                "Error: \(settings.host) can be reached from other machines: give a key file by --key-file or "
                    + "TEMPER_KEY_FILE, or say --allow-insecure-bind or TEMPER_ALLOW_INSECURE_BIND=1")
            throw ExitCode.validationFailure
        }
        return server
    }

    /// Lets running requests end; fails what is left after the drain time, so that streams end with an error event.
    private func shutDown(_ service: Service, _ server: HTTPServer, _ engine: TemperEngine) {
        service.drain()
        let done = DispatchSemaphore(value: 0)
        let nanoseconds = Int(settings.drain / .nanoseconds(1))
        DispatchQueue.global().asyncAfter(deadline: .now() + .nanoseconds(nanoseconds)) { engine.stop() }
        server.drain(deadline: settings.drain + .seconds(2)) { done.signal() }
        done.wait()
        engine.stop()
    }
}

/// Waits for SIGTERM or SIGINT. One that comes before serving began ends the program at once, as does a second one.
final class SignalWatch: Sendable {
    private let earlyExitCode: Int32
    private let queue = DispatchQueue(label: "temper.signals")
    private let first = DispatchSemaphore(value: 0)
    private let state = Mutex((received: Int32(0), isServing: false))
    /// Kept alive; written in `init` only.
    nonisolated(unsafe) private var sources: [any DispatchSourceSignal] = []

    /// - Parameter earlyExitCode: the exit code on a signal that comes before serving began.
    init(earlyExitCode: Int32 = 0) {
        self.earlyExitCode = earlyExitCode
        for number in [SIGTERM, SIGINT] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { [weak self] in self?.receive(number) }
            source.resume()
            sources.append(source)
        }
    }

    private func receive(_ number: Int32) {
        let (isFirst, isServing) = state.withLock { state in
            defer { state.received = number }
            return (state.received == 0, state.isServing)
        }
        guard isFirst else { _exit(128 + number) }
        // Nobody is being served, and a checkpoint may take long to load.
        guard isServing else { _exit(earlyExitCode) }
        first.signal()
    }

    /// From now on a first signal lets ``wait()`` return.
    func beginServing() { state.withLock { $0.isServing = true } }

    /// Whether a signal has come.
    var hasCome: Bool { state.withLock { $0.received != 0 } }

    /// Returns the first signal when it has come.
    func wait() -> Int32 {
        first.wait()
        return state.withLock { $0.received }
    }
}
