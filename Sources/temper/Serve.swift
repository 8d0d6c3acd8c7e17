// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Dispatch
import Engine
import Glibc
import HTTPServing
import Logging
import Service

/// `temper serve`.
struct Serve: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serves models over HTTP.",
        discussion: """
            Every option can also be given by an environment variable, named in brackets; the option wins. SIGTERM and \
            SIGINT let running requests end, a second signal ends the program at once.
            """)

    @Argument(
        help: "Checkpoints: files, folders, or names in the models folder. [TEMPER_MODEL; default: the shipped model]")
    var models: [String] = []

    @Option(help: "The address to listen on. [TEMPER_HOST; default: 127.0.0.1]")
    var host: String?

    @Option(help: "The port to listen on; 0: any free one. [TEMPER_PORT; default: 8080]")
    var port: Int?

    @Option(help: "A file of API keys, one per line, mode 600. [TEMPER_KEY_FILE]")
    var keyFile: String?

    @Flag(help: "Allows an address that other machines reach without a key. [TEMPER_ALLOW_INSECURE_BIND]")
    var allowInsecureBind = false

    @Option(help: "Requests per model that may wait. [TEMPER_MAX_QUEUE; default: 64]")
    var maxQueue: Int?

    @Option(help: "Seconds a request may wait. [TEMPER_QUEUE_TIMEOUT; default: 60]")
    var queueTimeout: Double?

    @Option(help: "Seconds a request may take. [TEMPER_REQUEST_TIMEOUT; default: no limit]")
    var requestTimeout: Double?

    @Option(help: "A further host name to answer to; may be given several times. [TEMPER_ALLOWED_HOST, with commas]")
    var allowedHost: [String] = []

    @Option(
        help: "An origin whose pages may use the API; may be given several times. [TEMPER_CORS_ORIGIN, with commas]")
    var corsOrigin: [String] = []

    @Option(help: "trace, debug, info, notice, warning, error or critical. [TEMPER_LOG_LEVEL; default: info]")
    var logLevel: String?

    @Option(help: "Seconds that running requests get to end. [TEMPER_DRAIN; default: 30]")
    var drain: Double?

    @Option(help: "Memory for runs that /v1/whatif decodes again. [TEMPER_RUN_MEMORY; default: 256M]")
    var runMemory: ByteCount?

    @Option(
        name: .customLong("public"), help: "The folder of the page. [TEMPER_PUBLIC; default: Public beside the program]"
    )
    var publicFolder: String?

    @Option(
        name: .customLong("data"),
        help:
            "The folder where example sets are kept; made if it is not there. [TEMPER_DATA_FOLDER; default: in memory]")
    var dataFolder: String?

    @OptionGroup var engineFlags: EngineFlags

    /// Finds every value that cannot be before anything is done.
    func validate() throws { _ = try ServeSettings(self) }

    func run() throws {
        let settings = try ServeSettings(self)
        LoggingSystem.bootstrap { _ in LineLogHandler(level: settings.logLevel) }
        try ServerRun(settings).run()
    }
}

/// The settings of a server, from options and environment.
struct ServeSettings {
    var paths: [String]
    var tokenizer: String?
    var engine: EngineOptions
    var host: String
    var port: Int
    var keyFile: String?
    var allowsInsecureBind: Bool
    var requestTimeout: Duration?
    var hostNames: [String]
    var origins: [String]
    var logLevel: Logger.Level
    var drain: Duration
    var runBytes: Int
    var publicFolder: String?
    var publicIsExplicit: Bool
    var dataFolder: String?
    var exampleFolder: String?

    /// - Throws: a ``ValidationError`` for values that cannot be.
    init(_ command: Serve) throws {
        let files = try command.engineFlags.files()
        let names = Environment.list(command.models, "MODEL")
        paths = names.isEmpty ? [try files.defaultPath()] : names.map { files.path(of: $0) }
        tokenizer = try Environment.value(command.engineFlags.tokenizer, "TOKENIZER")
        if tokenizer != nil, paths.count > 1 { throw ValidationError("--tokenizer needs exactly one MODEL") }
        engine = try command.engineFlags.options()
        engine.queueLimit = try Environment.value(command.maxQueue, "MAX_QUEUE") ?? engine.queueLimit
        guard (1...65_536).contains(engine.queueLimit) else {
            throw ValidationError("--max-queue must be from 1 to 65536")
        }
        if let timeout = try Self.seconds(command.queueTimeout, "QUEUE_TIMEOUT", "--queue-timeout") {
            engine.queueTimeout = timeout
        }
        host = try Environment.value(command.host, "HOST") ?? "127.0.0.1"
        port = try Environment.value(command.port, "PORT") ?? 8080
        keyFile = try Environment.value(command.keyFile, "KEY_FILE")
        allowsInsecureBind = try Environment.flag(command.allowInsecureBind, "ALLOW_INSECURE_BIND")
        requestTimeout = try Self.seconds(command.requestTimeout, "REQUEST_TIMEOUT", "--request-timeout")
        hostNames = Environment.list(command.allowedHost, "ALLOWED_HOST")
        origins = Environment.list(command.corsOrigin, "CORS_ORIGIN")
        for name in hostNames where !HTTPPolicy.isHostName(name) {
            throw ValidationError("--allowed-host: '\(name)' is not a host name or address without scheme and port")
        }
        for origin in origins where !HTTPPolicy.isOrigin(origin) {
            throw ValidationError(
                "--cors-origin: '\(origin)' is not an origin such as https://example.org or http://localhost:3000, or *"
            )
        }
        let level = try Environment.value(command.logLevel, "LOG_LEVEL") ?? "info"
        guard let level = Logger.Level(rawValue: level) else {
            throw ValidationError("--log-level: no level is named '\(level)'")
        }
        logLevel = level
        drain = try Self.seconds(command.drain, "DRAIN", "--drain", allowsZero: true) ?? .seconds(30)
        runBytes = try Environment.value(command.runMemory, "RUN_MEMORY")?.bytes ?? 256 << 20
        let folder = try Environment.value(command.publicFolder, "PUBLIC")
        publicIsExplicit = folder != nil
        publicFolder = folder ?? ModelFiles.shippedFolder("Public")
        dataFolder = try Environment.value(command.dataFolder, "DATA_FOLDER")
        guard dataFolder?.isEmpty != true else { throw ValidationError("--data must name a folder") }
        exampleFolder = ModelFiles.shippedFolder("Models/example-sets")
    }

    private static func seconds(
        _ flag: Double?, _ variable: String, _ name: String, allowsZero: Bool = false
    ) throws -> Duration? {
        guard let seconds = try Environment.value(flag, variable) else { return nil }
        guard seconds.isFinite, seconds > 0 || allowsZero && seconds == 0, seconds <= 86_400 else {
            throw ValidationError("\(name) must be a number of seconds up to 86400")
        }
        return .seconds(seconds)
    }
}
