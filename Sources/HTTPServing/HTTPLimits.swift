// SPDX-License-Identifier: Apache-2.0

/// Every limit of the HTTP layer in one place. The defaults are the published ones; sizes are bytes, and a value that
/// equals its limit is accepted.
public struct HTTPLimits: Sendable, Hashable {
    /// Longest request line without its CRLF; beyond it 414.
    public var requestLineBytes = 8 * 1024
    /// Longest single field line without its CRLF; beyond it 431.
    public var fieldLineBytes = 16 * 1024
    /// All field lines of a head together, CRLFs included; beyond it 431.
    public var fieldBlockBytes = 32 * 1024
    /// Number of field lines of a head; beyond it 431.
    public var fieldCount = 100
    /// Longest chunk-size line, extensions included; beyond it 400.
    public var chunkLineBytes = 4 * 1024
    /// Chunk extensions of one message together; beyond it 400.
    public var chunkExtensionBytes = 16 * 1024
    /// All trailer lines of a message together, CRLFs included; beyond it 431.
    public var trailerBytes = 8 * 1024
    /// Body after removal of the chunked coding; beyond it 413, before reading where Content-Length tells.
    public var bodyBytes = 16 * 1024 * 1024
    /// Bodies of all connections held at once, until their requests are answered; beyond it 503.
    public var totalBodyBytes = 256 * 1024 * 1024

    /// Open connections; one more is answered 503 and closed.
    public var connectionCount = 1_024
    /// Complete requests that may wait on a connection behind the one being answered; then reading stops.
    public var pipelinedRequestCount = 16
    /// Bodies of the requests that wait on a connection; then reading stops.
    public var pipelinedBodyBytes = 1024 * 1024
    /// Requests answered on one connection before the server closes it.
    public var requestsPerConnection = 1_000
    /// Bytes queued for sending at which ``HTTPBodyWriter/write(_:)`` returns false.
    public var sendHighWaterBytes = 256 * 1024
    /// Bytes queued for sending below which ``HTTPBodyWriter/onWritable(_:)`` is called.
    public var sendLowWaterBytes = 64 * 1024
    /// Bytes of a refused request's body, or after the last answer, that are read and thrown away before closing.
    public var discardedBytes = 1024 * 1024

    /// From the first byte of a head to its end; beyond it 408.
    public var headTimeout = Duration.seconds(10)
    /// Between two reads of a body; beyond it 408.
    public var bodyGapTimeout = Duration.seconds(30)
    /// For a whole body, however it trickles; time in which the server does not read is not counted. Beyond it 408.
    public var bodyTimeout = Duration.seconds(120)
    /// Without a request on an open connection; then it is closed.
    public var idleTimeout = Duration.seconds(30)
    /// Without progress of a pending write; then the connection is dropped.
    public var writeStallTimeout = Duration.seconds(30)
    /// After the last answer: how long bytes are read and thrown away so that the peer can read the answer.
    public var lingerTimeout = Duration.seconds(1)
    /// How long a request may still be worked on once the client's FIN has arrived. TCP cannot tell a client that only
    /// stopped sending (`printf … | nc`) from one that closed its socket, so both are served for this long: a quick
    /// answer is sent, longer work is cancelled as ``HTTPResponder/onDisconnect(_:)`` says.
    public var halfCloseGrace = Duration.milliseconds(100)

    /// The published defaults.
    public init() {}
}
