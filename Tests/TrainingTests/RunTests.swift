// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Compute
import Foundation
import StrictJSON
import Testing
import Training

@Suite("Training runs")
struct RunTests {
    /// Metrics without what depends on the clock.
    static func metrics(_ fixture: RunFixture, _ out: String) throws -> [JSON] {
        try fixture.bytes("\(out)/metrics.jsonl").split(separator: UInt8(ascii: "\n")).map { line in
            var kept = JSONObject()
            for (key, value) in try #require(try JSONParser.parse(line).objectValue).members
            where key != "seconds" && key != "tokens_per_second" {
                kept[key] = value
            }
            return .object(kept)
        }
    }

    @Test("learns, measures, keeps its last checkpoints and writes the model")
    func wholeRun() throws {
        let fixture = try RunFixture()
        var notes: [String] = []
        let session = try fixture.session("run") { event in if case .note(let text) = event { notes.append(text) } }
        #expect(try session.run(isStopped: { false }) == .finished)
        let lines = try Self.metrics(fixture, "run")
        let losses = lines.compactMap { $0["loss"]?.doubleValue }
        let validation = lines.compactMap { $0["validation_loss"]?.doubleValue }
        #expect(losses.count == 24 && validation.count == 3)
        #expect(losses[23] < losses[0] - 0.5 && validation[2] < validation[0], "\(losses), \(validation)")
        #expect(try fixture.names("run/checkpoints") == ["step-00000020.safetensors", "step-00000024.safetensors"])
        #expect(
            try fixture.names("run") == [
                "cache", "checkpoints", "lock", "loss.svg", "metrics.jsonl", "model", "model.gguf", "recipe.json",
            ])
        #expect(
            try fixture.names("run/model") == [
                "config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
            ])
        #expect(notes.contains { $0.contains("stories.txt: ") && $0.contains(" documents, ") })
        let curve = String(decoding: try fixture.bytes("run/loss.svg"), as: UTF8.self)
        #expect(curve.hasPrefix("<svg") && curve.contains("tiny") && curve.contains("stroke-dasharray=\"6 4\""))
    }

    @Test(
        "stopped at any step and continued, it ends with the same bits and the same metrics", arguments: [1, 5, 7, 23])
    func resume(stop: Int) throws {
        let fixture = try RunFixture()
        _ = try fixture.session("whole").run(isStopped: { false })
        do {
            var done = 0
            let first = try fixture.session("parts") { event in
                if case .step(let step, _, _, _) = event { done = step.step }
            }
            #expect(try first.run(isStopped: { done == stop }) == .stopped(step: stop))
            #expect(throws: RunError.inUse(fixture.path("parts"))) { try fixture.session("parts", resumes: true) }
        }
        #expect(throws: RunError.folderTaken(fixture.path("parts"))) { try fixture.session("parts") }
        try continueAndCompare(fixture)
    }

    /// The state of a process that died is what its last checkpoint holds, and metrics of later steps.
    @Test("killed between checkpoints, it loses the steps since the last and ends with the same bits")
    func kill() throws {
        let fixture = try RunFixture()
        _ = try fixture.session("whole").run(isStopped: { false })
        do {
            var done = 0
            let session = try fixture.session("parts") { event in
                if case .step(let step, _, _, _) = event { done = step.step }
            }
            #expect(try session.run(isStopped: { done == 13 }) == .stopped(step: 13))
        }
        // As if it had never come to save step 13, and had written half a line.
        try FileManager.default.removeItem(atPath: fixture.path("parts/checkpoints/step-00000013.safetensors"))
        let metrics = try fixture.bytes("parts/metrics.jsonl") + Array("{\"step\":14,\"lo".utf8)
        try Data(metrics).write(to: URL(fileURLWithPath: fixture.path("parts/metrics.jsonl")))
        try Data([1, 2, 3]).write(
            to: URL(fileURLWithPath: fixture.path("parts/checkpoints/.step-00000013.safetensors.x.tmp")))
        try continueAndCompare(fixture)
    }

    private func continueAndCompare(_ fixture: RunFixture) throws {
        let session = try fixture.session("parts", resumes: true, threads: 2)
        #expect(try session.run(isStopped: { false }) == .finished)
        #expect(try Self.metrics(fixture, "parts") == Self.metrics(fixture, "whole"))
        for name in try fixture.names("whole/checkpoints").suffix(1) + ["../model/model.safetensors", "../model.gguf"] {
            #expect(
                try fixture.bytes("parts/checkpoints/\(name)") == fixture.bytes("whole/checkpoints/\(name)"), "\(name)")
        }
        #expect(try !fixture.names("parts/checkpoints").contains { $0.hasSuffix(".tmp") })
    }

    @Test("a damaged checkpoint is told of and the one before is taken")
    func damagedCheckpoint() throws {
        let fixture = try RunFixture()
        do {
            var done = 0
            let session = try fixture.session("run") { event in
                if case .step(let step, _, _, _) = event { done = step.step }
            }
            _ = try session.run(isStopped: { done == 10 })
        }
        let last = fixture.path("run/checkpoints/step-00000010.safetensors")
        var bytes = try fixture.bytes("run/checkpoints/step-00000010.safetensors")
        bytes[bytes.count - 100] ^= 1
        try Data(bytes).write(to: URL(fileURLWithPath: last))
        var notes: [String] = []
        do {
            _ = try fixture.session("run", resumes: true) { event in
                if case .note(let text) = event { notes.append(text) }
            }
        }
        #expect(notes.contains { $0.contains("step-00000010.safetensors: hash") })
        #expect(notes.contains("going on after step 5 of 24"))
        let before = fixture.path("run/checkpoints/step-00000005.safetensors")
        try Data(bytes.prefix(1000)).write(to: URL(fileURLWithPath: before))
        #expect(throws: RunError.self) { try fixture.session("run", resumes: true) }
    }

    @Test("is not continued with another recipe, other data, or where there is none")
    func refusals() throws {
        let fixture = try RunFixture()
        do {
            var done = 0
            let session = try fixture.session("run") { event in
                if case .step(let step, _, _, _) = event { done = step.step }
            }
            _ = try session.run(isStopped: { done == 2 })
        }
        #expect(throws: RunError.recipeChanged(["train.steps was 24, is 30"])) {
            try fixture.session("run", ["train.steps": .integer(30)], resumes: true)
        }
        #expect(throws: RunError.recipeChanged(["model.kv_heads was absent, is 1"])) {
            try fixture.session("run", ["model.kv_heads": .integer(1)], resumes: true)
        }
        #expect(throws: RunError.nothingToResume(fixture.path("other"))) {
            try fixture.session("other", resumes: true)
        }
        #expect(throws: RunError.folderTaken(fixture.path("vocabulary"))) { try fixture.session("vocabulary") }
        try fixture.data.stories(121)
        #expect(throws: RunError.dataChanged(path: fixture.path("stories.txt"))) {
            try fixture.session("run", resumes: true)
        }
    }

    @Test("numbers that are not finite end it and name step and place")
    func notFinite() throws {
        let fixture = try RunFixture()
        _ = try fixture.session("run", ["train.steps": .integer(1), "output.gguf": .string("none")]).run { false }
        // A weight that is infinite, in the model that the next run starts from.
        let path = URL(fileURLWithPath: fixture.path("run/model/model.safetensors"))
        var bytes = [UInt8](try Data(contentsOf: path))
        let header = 8 + bytes.prefix(8).enumerated().reduce(0) { $0 + Int($1.element) << (8 * $1.offset) }
        let json = try JSONParser.parse(bytes[8..<header])
        let name = "model.layers.0.mlp.up_proj.weight"
        let offset = Int(try #require(json[name]?["data_offsets"]?.arrayValue?.first?.integerValue))
        bytes.replaceSubrange(header + offset + 40..<header + offset + 44, with: [0, 0, 0x80, 0x7F])
        try Data(bytes).write(to: path)
        let session = try fixture.session(
            "next", ["model": nil, "init_from": .string("run/model"), "train.accumulation": .integer(1)])
        let error = try #require(throws: RunError.self) { try session.run(isStopped: { false }) }
        #expect(error == .notFinite(step: 1, place: .weight(name: "blk.0.ffn_up.weight", index: 10)))
        #expect(
            error.description.hasPrefix(
                "step 1: a number is not finite, first element 10 of weight blk.0.ffn_up.weight."))
    }

    @Test("memory that is not there is told in figures before anything is written")
    func memory() throws {
        let fixture = try RunFixture()
        let error = try #require(throws: RunError.self) { try fixture.session("run", availableBytes: 1 << 16) }
        guard case .notEnoughMemory(let memory, available: 65_536) = error else {
            Issue.record("\(error)")
            return
        }
        // embedding 300·16, block 4·16² + 3·16·32 + 2·16, last norm 16
        #expect(memory.weights == 4 * (4800 + 1024 + 1536 + 32 + 16) && memory.activations > 64 * 300 * 4)
        #expect(error.description.contains("MiB weights") && error.description.contains("1 MiB are available"))
        #expect(!FileManager.default.fileExists(atPath: fixture.path("run")))
    }

    @Test("missing and malformed files are named")
    func missingFiles() throws {
        let fixture = try RunFixture()
        func message(_ changes: KeyValuePairs<String, JSON?>) throws -> String {
            try #require(throws: RunError.self) { try fixture.session("run", changes) }.description
        }
        #expect(try message(["tokenizer": .string("absent")]).contains("absent: cannot open"))
        let absent = JSON.array([JSON(members: ["path": .string("absent.txt")])])
        #expect(try message(["data.sources": absent]).contains("absent.txt: cannot open"))
        #expect(try message(["model": nil, "init_from": .string("nowhere")]).contains("nowhere: cannot open"))
        #expect(
            try message(["model.vocabulary_size": .integer(200)]).contains(
                "model.vocabulary_size: the vocabulary has 300 ids, the model 200 rows"))
        #expect(
            try message(["output.gguf": .string("q8_0")]).contains(
                "output.gguf: q8_0 needs rows of a multiple of 32; one has 16"))
        try fixture.data.folder.write("recipe.json", "{\"name\": \"x\",\n}")
        #expect(throws: RunError.self) { try Recipe(path: fixture.path("recipe.json")) }
    }
}
