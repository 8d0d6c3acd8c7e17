// SPDX-License-Identifier: Apache-2.0

internal import CNative
internal import Glibc

/// The optimizer's memory and arithmetic.
final class AdamW {
    private let options: AdamWOptions
    private let layout: ParameterLayout
    private let firstMoments: UnsafeMutablePointer<Float>
    private let secondMoments: UnsafeMutablePointer<Float>
    /// Runs of weights of one tensor, and whether they decay.
    private let runs: [(elements: Range<Int>, decays: Bool)]
    var stepCount = 0

    private static let runLength = 1 << 14

    init(_ layout: ParameterLayout, _ options: AdamWOptions) {
        self.options = options
        self.layout = layout
        firstMoments = makeZeros(layout.elementCount)
        secondMoments = makeZeros(layout.elementCount)
        runs = layout.entries.flatMap { entry in
            let isEmbedding = entry.name == "token_embd.weight" || entry.name == "position_embd.weight"
            let decays = entry.shape.count > 1 && (!isEmbedding || options.decaysEmbeddings)
            return stride(from: entry.elements.lowerBound, to: entry.elements.upperBound, by: Self.runLength).map {
                ($0..<min($0 + Self.runLength, entry.elements.upperBound), decays)
            }
        }
    }

    deinit {
        UnsafeMutableRawPointer(firstMoments).deallocate()
        UnsafeMutableRawPointer(secondMoments).deallocate()
    }

    /// √Σg², summed over fixed runs of elements and these in order.
    func gradientNorm(_ machine: TapeMachine) -> Double {
        var sums = [Double](repeating: 0, count: runs.count)
        sums.withUnsafeMutableBufferPointer { sums in
            // Each chunk writes one sum of its own.
            nonisolated(unsafe) let sums = sums
            machine.run(runs.count) { index in
                let elements = runs[index].elements
                sums[index] = machine.training.pointee.squares(machine.gradients + elements.lowerBound, elements.count)
            }
        }
        return sums.reduce(0, +).squareRoot()
    }

    /// One step with the gradients times `gradientScale`.
    func step(_ machine: TapeMachine, learningRate: Double, gradientScale: Double) {
        stepCount += 1
        let correction1 = 1 - pow(options.beta1, Double(stepCount))
        let correction2 = 1 - pow(options.beta2, Double(stepCount))
        func arguments(keep: Double) -> tpr_adamw {
            tpr_adamw(
                gradient_scale: Float(gradientScale), keep: Float(keep), beta1: Float(options.beta1),
                rest1: Float(1 - options.beta1), beta2: Float(options.beta2), rest2: Float(1 - options.beta2),
                rate: Float(learningRate / correction1), root_scale: Float(1 / correction2.squareRoot()),
                epsilon: Float(options.epsilon))
        }
        let decaying = arguments(keep: 1 - learningRate * options.weightDecay)
        let plain = arguments(keep: 1)
        machine.run(runs.count) { index in
            let (elements, decays) = runs[index]
            let start = elements.lowerBound
            var step = decays ? decaying : plain
            machine.training.pointee.adamw(
                &step, elements.count, machine.gradients + start, machine.weights + start, firstMoments + start,
                secondMoments + start)
        }
    }

    var state: OptimizerState {
        OptimizerState(
            stepCount: stepCount,
            firstMoments: Array(UnsafeBufferPointer(start: firstMoments, count: layout.elementCount)),
            secondMoments: Array(UnsafeBufferPointer(start: secondMoments, count: layout.elementCount)))
    }

    func restore(_ state: OptimizerState) throws(TrainingError) {
        guard state.stepCount >= 0 else {
            throw .badState(tensor: "step count", expected: "at least 0", found: "\(state.stepCount)")
        }
        for (name, moments) in [("first moments", state.firstMoments), ("second moments", state.secondMoments)] {
            guard moments.count == layout.elementCount else {
                throw .badState(tensor: name, expected: "\(layout.elementCount) elements", found: "\(moments.count)")
            }
            guard let bad = moments.firstIndex(where: { !$0.isFinite }) else { continue }
            throw .badState(tensor: name, expected: "finite numbers", found: "\(moments[bad]) at element \(bad)")
        }
        if let bad = state.secondMoments.firstIndex(where: { $0 < 0 }) {
            throw .badState(
                tensor: "second moments", expected: "no negative number", found: "one at element \(bad)")
        }
        stepCount = state.stepCount
        for (moments, target) in [(state.firstMoments, firstMoments), (state.secondMoments, secondMoments)] {
            moments.withUnsafeBufferPointer { source in
                guard let base = source.baseAddress else { return }
                target.update(from: base, count: layout.elementCount)
            }
        }
    }
}

/// `count` zeros, aligned to 64 bytes.
func makeZeros(_ count: Int) -> UnsafeMutablePointer<Float> {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: max(count, 16) * 4, alignment: 64)
    let values = memory.bindMemory(to: Float.self, capacity: max(count, 16))
    values.initialize(repeating: 0, count: max(count, 16))
    return values
}
