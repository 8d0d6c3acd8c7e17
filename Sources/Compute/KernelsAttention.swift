// SPDX-License-Identifier: Apache-2.0

internal import CNative

extension Kernels {
    /// Copies new keys and values of each row, `[kvHeadCount, headSize]`, into its block at its position, rounded to
    /// the layout's type. Rows stand `rowStride` floats apart in `keys` and in `values`.
    public func storeKV(
        keys: UnsafePointer<Float>, values: UnsafePointer<Float>, rowStride: Int, rows: [AttentionRow], layer: Int,
        layout: KVLayout
    ) {
        precondition(layer >= 0 && layer < layout.layerCount, "a layer lies in the layout")
        let size = layout.headSize
        split(rows.count, nanoseconds: Double(layout.kvHeadCount * size) * 0.3) { range in
            for index in range {
                let row = rows[index]
                let position = Int(row.position)
                let block = row.blocks[position / layout.blockTokens]
                let token = position % layout.blockTokens
                for head in 0..<layout.kvHeadCount {
                    let inLayer = head * layout.headBytes + token * layout.vectorBytes
                    let from = index * rowStride + head * size
                    store(keys + from, size, at: block + layout.keyOffset(layer: layer) + inLayer, layout.type)
                    store(values + from, size, at: block + layout.valueOffset(layer: layer) + inLayer, layout.type)
                }
            }
        }
    }

    private func store(
        _ vector: UnsafePointer<Float>, _ count: Int, at address: UnsafeMutableRawPointer, _ type: KVLayout.CacheType
    ) {
        switch type {
        case .f32: address.copyMemory(from: vector, byteCount: count * 4)
        case .f16: operations.pointee.to_half(vector, count, address.assumingMemoryBound(to: UInt16.self))
        case .q8:
            for start in stride(from: 0, to: count, by: Q8Block.size) {
                Q8Block.store(vector + start, at: address + start / Q8Block.size * Q8Block.bytes)
            }
        }
    }

    /// softmax(q·kᵀ·scale)·v per row and head: causal by position, `headCount / kvHeadCount` query heads to a key-value
    /// head, and, if `window` is given, only keys after `position - window`.
    ///
    /// The reduction goes over blocks of 32 keys from key 0 with a running maximum and sum (online softmax), so a row's
    /// result depends on its query, its position and its keys and values alone.
    ///
    /// Shapes: queries and output `[rows, headCount, headSize]`, rows `queryStride` and `outputStride` floats apart.
    public func attention(
        queries: UnsafePointer<Float>, queryStride: Int, rows: [AttentionRow], headCount: Int, layer: Int,
        layout: KVLayout, scale: Float, window: Int?, output: UnsafeMutablePointer<Float>, outputStride: Int
    ) {
        precondition(headCount > 0 && headCount % layout.kvHeadCount == 0, "query heads share key-value heads evenly")
        precondition(layer >= 0 && layer < layout.layerCount, "a layer lies in the layout")
        precondition(layout.headSize <= Kernels.greatestHeadSize, "a head has at most 1024 elements")
        let plan = AttentionPlan(rows: rows, headCount: headCount, layout: layout, window: window)
        let runItem = { (index: Int, thread: Int) in
            let item = plan.items[index / plan.headGroupCount]
            let heads = plan.heads(group: index % plan.headGroupCount)
            let kvHead = heads.lowerBound / plan.sharing
            withQueryLists(count: item.count * heads.count) { queryList, outputList, positions in
                var count = 0
                for row in item {
                    for head in heads {
                        queryList[count] = queries + row * queryStride + head * layout.headSize
                        outputList[count] = output + row * outputStride + head * layout.headSize
                        positions[count] = rows[row].position
                        count += 1
                    }
                }
                UnsafeRawPointer(rows[item.lowerBound].blocks).withMemoryRebound(
                    to: UnsafeMutableRawPointer?.self, capacity: 1
                ) { blocks in
                    var job = tpr_attention(
                        head_size: layout.headSize, query_count: count, queries: queryList, outputs: outputList,
                        positions: positions, window: Int32(clamping: window ?? 0), scale: scale, blocks: blocks,
                        block_tokens: layout.blockTokens,
                        key_offset: layout.keyOffset(layer: layer) + kvHead * layout.headBytes,
                        value_offset: layout.valueOffset(layer: layer) + kvHead * layout.headBytes,
                        type: layout.type.element.rawValue)
                    self.operations.pointee.attention(&job, self.scratch(thread: thread))
                }
            }
        }
        let count = plan.items.count * plan.headGroupCount
        guard isWorthThreads(nanoseconds: plan.nanoseconds) else {
            for index in 0..<count { runItem(index, 0) }
            return
        }
        pool.run(chunkCount: count, runItem)
    }
}

/// Rows of a batch grouped so that rows of one sequence, and the query heads of one key-value head, go together.
private struct AttentionPlan {
    /// Consecutive rows of one sequence.
    var items: [Range<Int>] = []
    /// Query heads per key-value head.
    let sharing: Int
    /// Query heads computed together.
    private let groupHeads: Int
    private let groupsPerKVHead: Int
    let headGroupCount: Int
    /// What all takes on one thread, roughly.
    var nanoseconds = 0.0

    init(rows: [AttentionRow], headCount: Int, layout: KVLayout, window: Int?) {
        let most = Int(TPR_ATTENTION_QUERIES)
        sharing = headCount / layout.kvHeadCount
        groupHeads = min(sharing, most)
        groupsPerKVHead = (sharing + groupHeads - 1) / groupHeads
        headGroupCount = groupsPerKVHead * layout.kvHeadCount
        var start = 0
        for index in rows.indices {
            let position = Int(rows[index].position)
            precondition(position >= 0, "positions are not negative")
            let keys = Double(min(position + 1, window ?? .max))
            // 40 floating-point operations or 15 bytes of the cache a nanosecond; a group reads the cache once.
            nanoseconds += keys * Double(headCount * layout.headSize) / 10
            let isLast = index + 1 == rows.count
            if isLast || rows[index + 1].blocks != rows[start].blocks || (index + 1 - start + 1) * groupHeads > most {
                items.append(start..<index + 1)
                nanoseconds += keys * Double(2 * layout.kvHeadCount * layout.headBytes / layout.blockTokens) / 15
                start = index + 1
            }
        }
    }

    /// The query heads of a group, all of one key-value head.
    func heads(group: Int) -> Range<Int> {
        let first = group / groupsPerKVHead * sharing
        let start = first + group % groupsPerKVHead * groupHeads
        return start..<min(start + groupHeads, first + sharing)
    }
}

/// Room on the stack for `count` queries, their outputs and positions, to be filled by `body`.
private func withQueryLists(
    count: Int,
    _ body: (
        UnsafeMutablePointer<UnsafePointer<Float>?>, UnsafeMutablePointer<UnsafeMutablePointer<Float>?>,
        UnsafeMutablePointer<Int32>
    ) -> Void
) {
    withUnsafeTemporaryAllocation(of: UnsafePointer<Float>?.self, capacity: count) { queries in
        withUnsafeTemporaryAllocation(of: UnsafeMutablePointer<Float>?.self, capacity: count) { outputs in
            withUnsafeTemporaryAllocation(of: Int32.self, capacity: count) { positions in
                guard let queries = queries.baseAddress, let outputs = outputs.baseAddress,
                    let positions = positions.baseAddress
                else { return }
                body(queries, outputs, positions)
            }
        }
    }
}
