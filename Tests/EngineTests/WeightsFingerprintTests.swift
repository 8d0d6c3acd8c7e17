// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Compute
import Engine
import Testing

@Suite("The hash of weights")
struct WeightsFingerprintTests {
    private func hash(_ change: (inout Checkpoint) -> Void = { _ in }) throws -> UInt64 {
        var checkpoint = try Checkpoint.open(path: Harness.checkpoint)
        change(&checkpoint)
        return try LoadedModel(checkpoint, id: "a", options: EngineOptions(threadCount: 1)).info.weightsHash
    }

    @Test("is the same for the same weights and another for others of the same shapes")
    func tellsApart() throws {
        let plain = try hash()
        #expect(plain != 0)
        #expect(try hash() == plain)
        let changed = try hash { checkpoint in
            for (name, tensor) in checkpoint.tensors where name == "blk.0.ffn_up.weight" {
                let copy = Storage(byteCount: tensor.byteCount) { memory in
                    memory.copyMemory(from: UnsafeRawBufferPointer(start: tensor.address, count: tensor.byteCount))
                    memory[tensor.byteCount - 1] ^= 1
                }
                checkpoint.tensors[name] = Tensor(storage: copy, byteOffset: 0, type: tensor.type, shape: tensor.shape)
            }
        }
        #expect(changed != plain)
    }
}
