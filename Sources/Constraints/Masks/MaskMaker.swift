// SPDX-License-Identifier: Apache-2.0

/// Finds the tokens that may follow: those whose bytes some reading of the constraint goes on with.
///
/// Most of a mask depends only on the rule that is being followed, not on the stack below it. So the tokens that stay
/// within the rule are found once per place in it; for the places of the tree of tokens where the rule ends, the rest
/// is followed along the stack as it is.
struct MaskMaker {
    /// What holds wherever the same rules are followed.
    private struct LocalMask {
        var tokens: TokenSet
        /// Nodes of the tree where a reading has left the known stack.
        var escapes: [Int32] = []
    }

    private(set) var recognizer: Recognizer
    private let trie: TokenTrie
    /// By state of which the bottom is unknown.
    private var locals: [Int32: LocalMask] = [:]
    /// By state.
    private var masks: [Int32: TokenSet] = [:]
    /// States that someone holds, by name.
    private var held: [Int: Int32] = [:]
    private var nextName = 0
    private var depthStates: [Int32]

    init(_ automaton: Automaton, _ trie: TokenTrie) {
        recognizer = Recognizer(automaton)
        self.trie = trie
        depthStates = [Int32](repeating: Recognizer.dead, count: trie.depthLimit + 1)
    }

    // MARK: States that are held

    /// Keeps a state under a name until it is released.
    mutating func hold(_ state: Int32) -> Int {
        nextName += 1
        held[nextName] = state
        return nextName
    }

    mutating func release(_ name: Int) { held[name] = nil }

    func state(_ name: Int) -> Int32 { held[name] ?? Recognizer.dead }

    /// Begins to find what one token may be; forgets what is not held if that has become much.
    private mutating func beginToken() {
        recognizer.beginToken()
        let maskBytes = (locals.count + masks.count) * (trie.vocabularySize / 8 + 64)
        guard recognizer.byteCount + maskBytes > ConstraintLimits.cacheBytes else { return }
        let (fresh, numbers) = recognizer.keeping(held.values)
        recognizer = fresh
        held = held.mapValues { numbers[$0] ?? Recognizer.dead }
        locals = [:]
        masks = [:]
    }

    // MARK: Steps

    /// Holds the state before the first byte.
    mutating func start() throws(ConstraintError) -> Int {
        beginToken()
        return hold(try recognizer.start())
    }

    /// Holds the state after more bytes.
    mutating func advance(_ name: Int, _ bytes: some Sequence<UInt8>) throws(ConstraintError) -> Int {
        beginToken()
        var state = state(name)
        for byte in bytes { state = try recognizer.step(state, byte) }
        return hold(state)
    }

    // MARK: Masks

    /// The tokens that may follow.
    ///
    /// - Parameter dropsSpace: whether one space at the start of the token is no part of the text.
    mutating func mask(_ name: Int, dropsSpace: Bool) throws(ConstraintError) -> TokenSet {
        beginToken()
        let state = state(name)
        var tokens: TokenSet
        if let known = masks[state] {
            tokens = known
        } else {
            tokens = try compute(state)
            masks[state] = tokens
        }
        guard dropsSpace, let space = trie.child(UInt8(ascii: " ")) else { return tokens }
        // What follows the space counts, so what began with it as a part of the text does not.
        for node in space..<Int(trie.nodes[space].end) {
            for id in self.tokens(at: node) { tokens.remove(id) }
        }
        for id in self.tokens(at: space) { tokens.insert(id) }
        var unused: [Int32] = []
        try walk(below: space, state, into: &tokens, escapes: &unused)
        return tokens
    }

    private mutating func compute(_ state: Int32) throws(ConstraintError) -> TokenSet {
        var tokens = TokenSet(vocabularySize: trie.vocabularySize)
        // Entries by what lies below the part of the stack that is looked at.
        var groups: [(rest: Int32, entries: [Recognizer.Entry])] = []
        var whole: [Recognizer.Entry] = []
        for entry in Array(recognizer.entries(state)) {
            guard let (top, rest) = try recognizer.cut(entry.stacks, horizon: Int32(trie.depthLimit) + 1) else {
                whole.append(entry)
                continue
            }
            let own = Recognizer.Entry(state: entry.state, stacks: top)
            if let index = groups.firstIndex(where: { $0.rest == rest }) {
                groups[index].entries.append(own)
            } else {
                groups.append((rest, [own]))
            }
        }
        var unused: [Int32] = []
        if !whole.isEmpty {
            try walk(below: 0, recognizer.intern(whole, []), into: &tokens, escapes: &unused)
        }
        for group in groups {
            let local = try localMask(recognizer.intern(group.entries, []))
            tokens.formUnion(local.tokens)
            guard !local.escapes.isEmpty else { continue }
            let resumed = try recognizer.resume(group.rest)
            guard recognizer.goesOn(resumed) || recognizer.accepts(resumed) else { continue }
            for node in local.escapes {
                for id in self.tokens(at: Int(node)) { tokens.insert(id) }
                try walk(below: Int(node), resumed, into: &tokens, escapes: &unused)
            }
        }
        return tokens
    }

    private mutating func localMask(_ state: Int32) throws(ConstraintError) -> LocalMask {
        if let known = locals[state] { return known }
        var mask = LocalMask(tokens: TokenSet(vocabularySize: trie.vocabularySize))
        try walk(below: 0, state, into: &mask.tokens, escapes: &mask.escapes)
        locals[state] = mask
        return mask
    }

    @inline(__always)
    private func tokens(at node: Int) -> ArraySlice<Int32> {
        trie.tokens[Int(trie.nodes[node].firstToken)..<Int(trie.nodes[node + 1].firstToken)]
    }

    /// Follows the tree below a node from a state; adds the tokens that some reading goes on with or ends at, and the
    /// nodes where one leaves the known stack.
    private mutating func walk(
        below root: Int, _ state: Int32, into tokens: inout TokenSet, escapes: inout [Int32]
    ) throws(ConstraintError) {
        guard recognizer.goesOn(state) else { return }
        depthStates[Int(trie.nodes[root].depth)] = state
        let end = Int(trie.nodes[root].end)
        var index = root + 1
        while index < end {
            let node = trie.nodes[index]
            let depth = Int(node.depth)
            let next = try recognizer.step(depthStates[depth - 1], node.byte)
            guard next != Recognizer.dead else {
                index = Int(node.end)
                continue
            }
            let goesOn = recognizer.goesOn(next)
            if goesOn || recognizer.accepts(next) {
                for place in Int(node.firstToken)..<Int(trie.nodes[index + 1].firstToken) {
                    tokens.insert(trie.tokens[place])
                }
            }
            if recognizer.escapes(next) { escapes.append(Int32(index)) }
            depthStates[depth] = next
            index = goesOn ? index + 1 : Int(node.end)
        }
    }
}
