// SPDX-License-Identifier: Apache-2.0

/// How rows of keys and values stand in a block of the cache.
///
/// A block holds ``blockTokens`` consecutive tokens of one sequence, for all layers. For one layer, keys stand at
/// ``keyOffset(layer:)`` as `[kvHead][token in block][headSize]`, values likewise at ``valueOffset(layer:)``.
public struct KVLayout: Sendable, Equatable {
    /// How an element of the cache is stored.
    public enum CacheType: Sendable {
        /// binary32.
        case f32
        /// binary16, rounded to nearest even.
        case f16
        /// Q8_0: per 32 elements a binary16 scale and signed bytes; for heads of whole blocks.
        case q8

        /// The type of a vector in the cache.
        package var element: ElementType {
            switch self {
            case .f32: .f32
            case .f16: .f16
            case .q8: .q8_0
            }
        }

        /// The name as GGUF tools write it, such as `Q8_0`.
        public var name: String { element.name }

        /// Whether heads of `size` elements can be stored so.
        public func holds(headSize size: Int) -> Bool { size % element.blockSize == 0 }
    }

    /// The usual size of a block, in tokens; also the fixed block of the attention reduction.
    public static let blockTokens = 32

    /// The number of layers.
    public let layerCount: Int
    /// The heads that have keys and values, per layer.
    public let kvHeadCount: Int
    /// The elements of a key, and of a value, per head.
    public let headSize: Int
    /// The tokens of a block, a multiple of 32.
    public let blockTokens: Int
    /// How elements are stored.
    public let type: CacheType

    /// A layout of the given sizes, all positive; `blockTokens` is a multiple of 32, and the type holds such heads.
    public init(
        layerCount: Int, kvHeadCount: Int, headSize: Int, blockTokens: Int = KVLayout.blockTokens, type: CacheType
    ) {
        precondition(layerCount > 0 && kvHeadCount > 0 && headSize > 0, "sizes are positive")
        precondition(type.holds(headSize: headSize), "a head is of whole blocks")
        precondition(blockTokens > 0 && blockTokens % 32 == 0, "a block is a multiple of 32 tokens")
        self.layerCount = layerCount
        self.kvHeadCount = kvHeadCount
        self.headSize = headSize
        self.blockTokens = blockTokens
        self.type = type
    }

    /// The bytes of the keys of one head of one layer in a block.
    package var headBytes: Int { blockTokens * vectorBytes }

    /// The bytes of one key or value of one head.
    package var vectorBytes: Int { headSize / type.element.blockSize * type.element.blockBytes }

    /// The bytes of a block: all layers, keys and values.
    public var blockBytes: Int { 2 * layerCount * kvHeadCount * headBytes }

    /// The bytes that one token takes: all layers, keys and values.
    public var bytesPerToken: Int { blockBytes / blockTokens }

    /// Where the keys of `layer` start, in bytes from the start of a block.
    public func keyOffset(layer: Int) -> Int { 2 * layer * kvHeadCount * headBytes }

    /// Where the values of `layer` start, in bytes from the start of a block.
    public func valueOffset(layer: Int) -> Int { (2 * layer + 1) * kvHeadCount * headBytes }
}

/// One row of a batch, as attention sees it.
public struct AttentionRow {
    /// The row's place in its sequence, from 0. It attends to keys `0...position`, a window apart.
    public var position: Int32
    /// The blocks of its sequence: block j holds tokens `j * blockTokens ..< (j + 1) * blockTokens`. Rows of one
    /// sequence that pass the same pointer are computed together.
    public var blocks: UnsafePointer<UnsafeMutableRawPointer>

    /// A row at `position` of the sequence whose cache is `blocks`.
    public init(position: Int32, blocks: UnsafePointer<UnsafeMutableRawPointer>) {
        self.position = position
        self.blocks = blocks
    }
}
