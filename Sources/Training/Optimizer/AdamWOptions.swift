// SPDX-License-Identifier: Apache-2.0

/// Adam with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2, as PyTorch's `AdamW` has it).
public struct AdamWOptions: Sendable, Equatable {
    /// The decay of the mean of gradients.
    public var beta1: Double = 0.9
    /// The decay of the mean of squared gradients.
    public var beta2: Double = 0.95
    /// Added to the root of the second moment.
    public var epsilon: Double = 1e-8
    /// Per step a weight shrinks by learning rate times this; never applied to norms and biases.
    public var weightDecay: Double = 0.1
    /// Whether embeddings (token and position) shrink too. A tied head counts as an embedding.
    public var decaysEmbeddings = false
    /// The greatest norm of all gradients together; longer ones are scaled down to it. Nil: no limit.
    public var clipNorm: Double? = 1

    /// The defaults.
    public init() {}

    /// - Throws: ``TrainingError/badOption(name:expected:found:)``.
    func validate() throws(TrainingError) {
        guard beta1 >= 0, beta1 < 1 else {
            throw .badOption(name: "beta1", expected: "a number in 0..<1", found: "\(beta1)")
        }
        guard beta2 >= 0, beta2 < 1 else {
            throw .badOption(name: "beta2", expected: "a number in 0..<1", found: "\(beta2)")
        }
        guard epsilon > 0, epsilon.isFinite else {
            throw .badOption(name: "epsilon", expected: "a positive number", found: "\(epsilon)")
        }
        guard weightDecay >= 0, weightDecay.isFinite else {
            throw .badOption(name: "weightDecay", expected: "a number that is not negative", found: "\(weightDecay)")
        }
        guard clipNorm.map({ $0 > 0 && $0.isFinite }) ?? true else {
            throw .badOption(name: "clipNorm", expected: "a positive number", found: "\(clipNorm ?? 0)")
        }
    }
}

/// What AdamW remembers between steps: with the weights, all that is needed to go on bit for bit.
///
/// The moments have the layout of ``TrainableParameters/withValues(_:)``: all tensors one after the other.
public struct OptimizerState: Sendable, Equatable {
    /// Steps taken.
    public var stepCount: Int
    /// The running means of gradients.
    public var firstMoments: [Float]
    /// The running means of squared gradients.
    public var secondMoments: [Float]

    /// A state of the given parts.
    public init(stepCount: Int, firstMoments: [Float], secondMoments: [Float]) {
        self.stepCount = stepCount
        self.firstMoments = firstMoments
        self.secondMoments = secondMoments
    }
}
