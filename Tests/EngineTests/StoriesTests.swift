// SPDX-License-Identifier: Apache-2.0

import Decoding
import Engine
import Foundation
import StrictJSON
import Testing
import Tokenizers

/// The folder of real data, where there is one.
enum RealData {
    static let folder: URL? = {
        if let path = ProcessInfo.processInfo.environment["TEMPER_DATA"] { return URL(filePath: path) }
        var place = URL(filePath: #filePath)
        while place.path != "/" {
            place.deleteLastPathComponent()
            let candidate = place.appending(path: "shared/data")
            if FileManager.default.fileExists(atPath: candidate.path) { return candidate }
        }
        return nil
    }()

    static let stories: URL? = folder?.appending(path: "checkpoints/stories260K")
}

@Suite("A trained checkpoint", .enabled(if: RealData.stories != nil, "needs shared/data beside the repository"))
struct StoriesTests {
    @Test("tells the story of its card, greedily")
    func greedy() throws {
        let folder = try #require(RealData.stories)
        let options = EngineOptions(threadCount: 2)
        let model = try LoadedModel(path: folder.appending(path: "stories260K.bin").path, options: options)
        let engine = TemperEngine(models: [model], threadCount: 2)
        let expected = try JSONParser.parse(try Data(contentsOf: folder.appending(path: "expected.json")))
        let story = try #require(expected["cases"]?.arrayValue?.first?["expected"]?.stringValue)

        var sampling = SamplingParameters()
        sampling.temperature = 0
        func continuation(of text: String) throws -> String {
            let request = GenerationRequest(
                prompt: model.info.tokenizer.encode(text, addSpecial: true, parseSpecial: false), maxTokens: 190,
                sampling: sampling)
            let recorder = Recorder([request])
            _ = try engine.submit([request], model: model.info.id) { recorder.receive($0) }
            recorder.wait()
            return recorder.texts[0][0].text
        }
        let prompt = "Once upon a time"
        let told = prompt + (try continuation(of: prompt))
        #expect(told.hasPrefix(story) || story.hasPrefix(told))
        #expect(told.count > 400)
        let fromNothing = try continuation(of: "")
        #expect(fromNothing.hasPrefix(story) || story.hasPrefix(fromNothing))
        engine.stop()
    }
}
