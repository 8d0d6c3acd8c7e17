// SPDX-License-Identifier: Apache-2.0

public import HTTPTypes

/// A complete request: head checked, body received in full and within the limit.
public struct HTTPServerRequest: Sendable {
    /// Method, path with query, authority (from Host or an absolute target) and header fields.
    public var head: HTTPRequest
    /// The path before any `?`, percent-decoded once (`%2F` too) and free of `.`, `..`, NUL and empty segments, but for
    /// a slash at the end, which is kept.
    public var path: String
    /// What follows `?`, as sent; nil if there is none.
    public var query: String?
    /// The body; chunked coding removed.
    public var body: [UInt8]
    /// The peer, such as "127.0.0.1:52114".
    public var peer: String
    /// The request's id: a well-formed X-Request-ID of the client, or a new one. Sent back by the server.
    public var id: String

    /// A request of the given parts.
    public init(
        head: HTTPRequest, path: String, query: String? = nil, body: [UInt8] = [], peer: String = "test",
        id: String = "test"
    ) {
        self.head = head
        self.path = path
        self.query = query
        self.body = body
        self.peer = peer
        self.id = id
    }
}

/// Answers one request. Exactly one of ``send(_:body:)`` and ``stream(_:)`` is called, once, from any thread;
/// further calls are ignored. The server adds Date, Content-Length or Transfer-Encoding, Connection and X-Request-ID.
public protocol HTTPResponder: AnyObject, Sendable {
    /// Sends a whole response. For HEAD the body is dropped and its length kept.
    func send(_ head: HTTPResponse, body: [UInt8])

    /// Starts a response whose body comes in pieces (chunked; until close for HTTP/1.0).
    func stream(_ head: HTTPResponse) -> any HTTPBodyWriter

    /// `action` is called once, on the connection's queue, when the client is gone before the response is complete, or
    /// when the server breaks the request off (drain deadline, stalled write). Never after a complete response; at once
    /// if the client is gone already.
    ///
    /// What counts as gone: RST or a failing write, at once; FIN, once the request has been worked on for
    /// ``HTTPLimits/halfCloseGrace`` (100 ms) since. TCP cannot tell a client that closed its socket from one that only
    /// ended its sending side, so both get an answer that is complete within the grace, and lose a longer one, streamed
    /// or not. FIN is seen while the connection waits on the handler; if 16 further requests are queued, or the limits
    /// on queued or discarded bytes stopped the reading, the socket is asked every 100 ms instead. A client whose
    /// machine vanished without FIN or RST is noticed by the write stall limit (30 s) alone.
    func onDisconnect(_ action: @escaping @Sendable () -> Void)
}

/// Writes the body of a streamed response. Any thread may call; pieces go out in the order of the calls.
public protocol HTTPBodyWriter: AnyObject, Sendable {
    /// Queues bytes for sending. Returns false once more than the high-water mark (256 KiB) is queued: stop producing
    /// until the action of ``onWritable(_:)`` is called. After a disconnect bytes are dropped.
    @discardableResult
    func write(_ bytes: [UInt8]) -> Bool

    /// Ends the body.
    func finish()

    /// Breaks the connection off so that the client sees that the body is incomplete.
    func abort()

    /// `action` is called on the connection's queue each time the queued bytes fall below the low-water mark after
    /// ``write(_:)`` returned false.
    func onWritable(_ action: @escaping @Sendable () -> Void)
}

/// A whole answer.
public typealias HTTPAnswer = (head: HTTPResponse, body: [UInt8])

/// What a server asks about a request with a body when its head is there and before any byte of the body is accepted:
/// nil to go on, or the answer. The request has an empty body. Called on the connection's queue: it must not block.
public typealias HTTPHeadCheck = @Sendable (HTTPServerRequest) -> HTTPAnswer?

/// What a server does with requests. Called on the connection's queue: it must not block; long work goes elsewhere
/// and answers later.
public typealias HTTPHandler = @Sendable (HTTPServerRequest, any HTTPResponder) -> Void
