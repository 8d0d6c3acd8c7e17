// SPDX-License-Identifier: Apache-2.0

public import Checkpoints

/// Makes the decoder of a configuration's family. A new family is one file and one line here.
///
/// - Throws: ``ArchitectureError`` if a tensor is missing or has another shape.
public func makeDecoder<Source: ParameterSource>(
    _ config: ModelConfig, _ source: Source
) throws(ArchitectureError) -> any Decoder<Source.Parameter> where Source.Parameter: Sendable {
    switch config.family {
    case .llama, .mistral, .qwen2, .qwen3: try Llama(config, source)
    case .gpt2: try GPT2(config, source)
    }
}
