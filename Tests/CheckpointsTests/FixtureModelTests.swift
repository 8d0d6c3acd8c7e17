// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Compute
import Foundation
import StrictJSON
import Testing

private enum ModelFixtures {
    static let folder = Fixture.path("../models")
    static let isPresent = FileManager.default.fileExists(atPath: folder + "/index.json")
}

/// Tiny models written by transformers and the gguf package, kept for the tests of logits.
@Suite(.enabled(if: ModelFixtures.isPresent, "Tests/Fixtures/models is absent"))
struct FixtureModelTests {
    /// The checkpoints of each model: several layouts of the same weights.
    static func models() throws -> [(name: String, family: String, paths: [String])] {
        let index = try JSONParser.parse(Data(contentsOf: URL(fileURLWithPath: ModelFixtures.folder + "/index.json")))
        return try #require(index.arrayValue).map { model in
            let name = try #require(model["name"]?.stringValue)
            let paths = try #require(model["checkpoints"]?.arrayValue).map { try #require($0.stringValue) }
            return (
                name, try #require(model["family"]?.stringValue), paths.map { "\(ModelFixtures.folder)/\(name)/\($0)" }
            )
        }
    }

    @Test func everyLayoutOfAModelHoldsTheSameWeights() throws {
        let models = try Self.models()
        #expect(models.count >= ModelFamily.allCases.count)
        for (name, family, paths) in models {
            var first: Checkpoint?
            for path in paths {
                let checkpoint = try Checkpoint.open(path: path).reordered(for: .halves)
                #expect(checkpoint.config?.family.rawValue == family, "\(path)")
                guard let reference = first else {
                    first = checkpoint
                    continue
                }
                // GGUF keeps vectors in F32 and Llama 3's scaling as factors.
                let common = checkpoint.tensors.filter { reference.tensors[$0.key]?.type == $0.value.type }
                #expect(common.count >= checkpoint.tensors.count / 2, "\(path)")
                #expect(differences(common, reference.tensors.filter { common[$0.key] != nil }) == [], "\(path)")
                #expect(Set(checkpoint.tensors.keys) == Set(reference.tensors.keys), "\(path)")
                var config = try #require(checkpoint.config)
                let expected = try #require(reference.config)
                config.name = expected.name
                if case .factors = config.rope?.scaling, let scaling = expected.rope?.scaling {
                    config.rope?.scaling = scaling
                }
                #expect(config == expected, "\(name): \(path)")
            }
        }
    }

    @Test func ourConversionOfLlama3FactorsEqualsTheConverters() throws {
        let path = ModelFixtures.folder + "/llama-rope-llama3"
        let face = try Checkpoint.open(path: path + "/huggingface")
        let theirs = try Checkpoint.open(path: path + "/model.gguf")
        let ours = try Checkpoint(gguf: .holding(try GGUFWriter(face).serialized()), name: "ours.gguf")
        guard case .factors(let expected) = theirs.config?.rope?.scaling,
            case .factors(let found) = ours.config?.rope?.scaling
        else {
            Issue.record("no factors")
            return
        }
        #expect(expected.count == found.count)
        for (a, b) in zip(expected, found) { #expect(abs(a - b) <= 1e-6 * a) }
        #expect(differences(ours.tensors, theirs.tensors) == [])
    }
}
