// SPDX-License-Identifier: Apache-2.0

import Compute

extension Checkpoint {
    /// The checkpoint with the rows of query and key ordered for another pairing of rotary elements; the model
    /// computes the same.
    ///
    /// Element 2i+j of a head with interleaved pairs is element j·d/2+i of one with halves, where d elements are
    /// rotated.
    package func reordered(for pairing: RopeConfig.Pairing) -> Checkpoint {
        guard var config, var rope = config.rope, rope.pairing != pairing else { return self }
        var copy = self
        let half = rope.dimensions / 2
        var order = Array(0..<config.headSize)
        for i in 0..<half {
            for j in 0..<2 {
                switch pairing {
                case .interleaved: order[2 * i + j] = j * half + i
                case .halves: order[j * half + i] = 2 * i + j
                }
            }
        }
        for (name, tensor) in tensors {
            let fields = name.split(separator: ".")
            guard fields.count == 4, ["attn_q", "attn_k", "attn_q_norm", "attn_k_norm"].contains(fields[2]) else {
                continue
            }
            copy.tensors[name] = tensor.reorderingOutputs(order)
        }
        rope.pairing = pairing
        config.rope = rope
        copy.config = config
        return copy
    }
}

extension Tensor {
    /// A copy in which each group of `order.count` outputs is reordered: output i is what was output `order[i]`.
    /// Outputs are rows of a matrix or elements of a plain vector.
    func reorderingOutputs(_ order: [Int]) -> Tensor? {
        guard let outputs = shape.first, outputs % order.count == 0, shape.count > 1 || type.blockSize == 1 else {
            return nil
        }
        let bytes = byteCount / outputs
        let storage = Storage(byteCount: byteCount) { memory in
            for output in 0..<outputs {
                let source = output / order.count * order.count + order[output % order.count]
                UnsafeMutableRawBufferPointer(rebasing: memory[output * bytes..<(output + 1) * bytes])
                    .copyMemory(from: UnsafeRawBufferPointer(start: address + source * bytes, count: bytes))
            }
        }
        return Tensor(storage: storage, byteOffset: 0, type: type, shape: shape)
    }
}
