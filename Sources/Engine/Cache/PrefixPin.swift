// SPDX-License-Identifier: Apache-2.0

/// The wish that the beginning of a prompt stays in the cache after the request, whatever else needs room.
public struct PrefixPin: Sendable, Equatable {
    /// Who lets go of it; see ``InferenceEngine/unpin(owner:)``.
    public var owner: String
    /// Tokens of the prompt, from its first; at least one, at most all.
    public var tokenCount: Int

    /// A pin of the given parts.
    public init(owner: String, tokenCount: Int) {
        self.owner = owner
        self.tokenCount = tokenCount
    }
}

/// A beginning of prompts that stays in the cache.
public struct PinnedPrefix: Sendable, Equatable {
    /// Who lets go of it.
    public var owner: String
    /// The tokens whose keys and values are held.
    public var tokenCount: Int
    /// The bytes of the cache that they take.
    public var bytes: Int

    /// A description of the given parts.
    public init(owner: String, tokenCount: Int, bytes: Int) {
        self.owner = owner
        self.tokenCount = tokenCount
        self.bytes = bytes
    }
}

/// What tells pins apart.
struct PinKey: Sendable, Hashable {
    var owner: String
    var ids: [Int32]

    init(owner: String, ids: [Int32]) {
        self.owner = owner
        self.ids = ids
    }

    /// The pin that a request asks for; nil: none.
    init?(_ request: GenerationRequest) {
        guard let pin = request.pin else { return nil }
        self.init(owner: pin.owner, ids: Array(request.prompt.prefix(pin.tokenCount)))
    }
}

/// The pins of one model: those that hold blocks, and those of requests that are on their way, for which room is set
/// aside. So pins never take more than their limit, and who asks for too much hears it before anything is computed.
struct PinLedger: Sendable {
    private struct Entry: Sendable {
        /// Blocks that it may come to hold.
        var blockCount: Int
        /// Requests that ask for it and are not over.
        var pending: Int
        /// Tokens that are held; nil: none yet.
        var tokenCount: Int?
    }

    /// The most blocks of all pins together.
    let limit: Int
    private var entries: [PinKey: Entry] = [:]

    init(limit: Int) {
        self.limit = limit
    }

    /// Blocks that are held or set aside.
    var blockCount: Int { entries.values.reduce(0) { $0 + $1.blockCount } }

    /// Those that are held, by owner and length.
    func held(blockBytes: Int) -> [PinnedPrefix] {
        entries.compactMap { key, entry in
            entry.tokenCount.map {
                PinnedPrefix(owner: key.owner, tokenCount: $0, bytes: entry.blockCount * blockBytes)
            }
        }.sorted { ($0.owner, $0.tokenCount) < ($1.owner, $1.tokenCount) }
    }

    /// Sets room aside for a request. Returns false if there is too little.
    mutating func reserve(_ key: PinKey, blockCount: Int) -> Bool {
        if entries[key] != nil {
            entries[key]?.pending += 1
            return true
        }
        guard self.blockCount + blockCount <= limit else { return false }
        entries[key] = Entry(blockCount: blockCount, pending: 1)
        return true
    }

    /// Whether a request that is over may pin: it was not let go of meanwhile, and is not held already.
    func awaits(_ key: PinKey) -> Bool { entries[key].map { $0.tokenCount == nil } ?? false }

    /// Notes that a request is over, and how many tokens in how many blocks it left pinned; nil: none.
    ///
    /// - Returns: false if the owner let go of it meanwhile.
    mutating func settle(_ key: PinKey, _ held: (tokenCount: Int, blockCount: Int)?) -> Bool {
        guard var entry = entries[key] else { return false }
        entry.pending = max(0, entry.pending - 1)
        if let held { (entry.tokenCount, entry.blockCount) = (held.tokenCount, held.blockCount) }
        entries[key] = entry.pending == 0 && entry.tokenCount == nil ? nil : entry
        return true
    }

    /// Forgets all pins of an owner, and returns those that hold blocks.
    mutating func release(owner: String) -> [PinKey] {
        let all = entries.filter { $0.key.owner == owner }
        for key in all.keys { entries[key] = nil }
        return all.filter { $0.value.tokenCount != nil }.map(\.key)
    }
}
