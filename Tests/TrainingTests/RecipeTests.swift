// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Foundation
import StrictJSON
import Testing
import Training

@Suite("Recipes")
struct RecipeTests {
    static func read(_ text: String) throws -> Recipe {
        try Recipe(try JSONParser.parse(text.utf8), folder: "/folder")
    }

    static func faults(_ json: JSON) throws -> [String] {
        try #require(throws: RecipeError.self) { try Recipe(json, folder: "") }.faults.map(\.description)
    }

    @Test("have defaults, and paths from their folder")
    func defaults() throws {
        let recipe = try Self.read(
            """
            {"tokenizer": "v", "model": {"family": "llama", "width": 64, "layers": 2, "heads": 4, "feed_forward": 128,
            "context": 256}, "data": {"sources": [{"path": "a.jsonl"}, {"path": "/b.txt", "separator": ""}]},
            "train": {"steps": 1000, "batch_tokens": 4096.0}}
            """)
        #expect(recipe.tokenizer == "/folder/v")
        #expect(recipe.model?.kvHeads == 4 && recipe.model?.headSize == 16 && recipe.model?.tie == true)
        #expect(recipe.sources[0] == DataSource(path: "/folder/a.jsonl", format: .jsonl))
        #expect(recipe.sources[1] == DataSource(path: "/b.txt", format: .text(separator: "")))
        #expect(recipe.sequenceLength == 256 && recipe.batchTokens == 4096 && recipe.keepsBoundaries)
        #expect(recipe.optimizer.clip == 1 && recipe.schedule.shape == .cosine)
        #expect(recipe.checkpointInterval == 100 && recipe.evaluationInterval == 100 && recipe.keptCheckpoints == 2)
        #expect(recipe.gguf == .f16 && recipe.precision == .f32 && recipe.initFrom == nil)
        #expect(recipe.changes(since: recipe.effective).isEmpty)
        // What is kept in the run's folder is read back equal.
        var writer = JSONWriter()
        writer.value(recipe.effective)
        #expect(recipe.changes(since: try JSONParser.parse(writer.bytes)).isEmpty)
    }

    @Test("all faults are told at once, each with its place and what is allowed")
    func faultsTogether() throws {
        let faults = try Self.faults(
            try JSONParser.parse(
                """
                {"nmae": "x", "tokenizer": 5, "model": {"family": "bert", "widht": 8, "width": 7, "layers": 1.5,
                "heads": 0}, "data": {"sources": [{"path": "a"}, {"weight": 0}, 3], "validation": 0.9},
                "train": {"steps": 1e99, "batch_tokens": "many"}, "optimizer": [], "schedule": {"shape": "step"}}
                """.utf8))
        #expect(
            faults == [
                "nmae: unknown field; known here: name, tokenizer, init_from, checkpoint, data, evaluation, model, optimizer, output, schedule, train",
                "tokenizer: expected a path of 1 to 4096 bytes, found 5",
                "model.family: expected one of \"llama\", \"gpt2\", found \"bert\"",
                "model.widht: unknown field; known here: family, width, layers, heads, kv_heads, head_size, feed_forward, context, vocabulary_size, rope_theta, norm_epsilon, tie",
                "model.width: expected an integer from 8 to 16384, found 7",
                "model.layers: expected an integer from 1 to 256, found 1.5",
                "model.heads: expected an integer from 1 to 256, found 0",
                "data.sources[1].weight: expected a number above 0 and at most 1000000000.0, found 0",
                "data.sources[2]: expected an object, found integer",
                "data.validation: expected a number from 0 to 0.5, found 0.9",
                "train.steps: expected an integer from 1 to 100000000, found 1e+99",
                "train.batch_tokens: expected an integer from 2 to 67108864, found \"many\"",
                "optimizer: expected an object, found array",
                "schedule.shape: expected one of \"constant\", \"linear\", \"cosine\", \"wsd\", found \"step\"",
                "model.feed_forward: missing: expected an integer from 8 to 131072",
                "model.context: missing: expected an integer from 2 to 1048576",
                "data.sources[1].path: missing: expected a path of 1 to 4096 bytes",
                "data.sources[2].path: missing: expected a path of 1 to 4096 bytes",
            ])
        #expect(try Self.faults(.array([])) == ["recipe: expected an object, found array"])
        #expect(try Self.faults(JSON(members: [:])).first == "model: missing; a recipe has either model or init_from")
    }

    @Test(
        "values that do not fit each other are refused",
        arguments: [
            (["model.heads": .integer(3)], "model.heads: expected a divisor of model.width, 16, found 3"),
            (["model.kv_heads": .integer(4)], "model.kv_heads: expected a divisor of model.heads, 2, found 4"),
            (["model.head_size": .integer(7)], "model.head_size: expected an even number of 2 and more, found 7"),
            (
                ["data.sequence_length": .integer(64)],
                "data.sequence_length: expected at most model.context, 32, found 64"
            ),
            (
                ["train.batch_tokens": .integer(96)],
                "train.batch_tokens: expected a multiple of sequence_length × accumulation, 32 × 2, found 96"
            ),
            (["schedule.warmup": .integer(25)], "schedule.warmup: expected at most train.steps, 24, found 25"),
            (["schedule.decay": .integer(5)], "schedule.decay: only with schedule.shape \"wsd\""),
            (["data.test": .number(0.95)], "data.test: expected a number from 0 to 0.5, found 0.95"),
            (
                ["init_from": .string("x")],
                "init_from: cannot stand beside model: the checkpoint says what the model is"
            ),
        ] as [(KeyValuePairs<String, JSON?>, String)])
    func together(changes: KeyValuePairs<String, JSON?>, fault: String) throws {
        #expect(try Self.faults(try RunFixture().json(changes)) == [fault])
    }

    @Test("gpt2 has no rotary embedding and no grouped heads")
    func gpt2() throws {
        let fixture = try RunFixture()
        let recipe = try Recipe(fixture.json(["model.family": .string("gpt2")]), folder: "")
        let config = try #require(recipe.model).config(name: "x", vocabularySize: 300)
        #expect(config.rope == nil && config.activation == .geluTanh && config.kvHeadCount == 2)
        #expect(
            try Self.faults(fixture.json(["model.family": .string("gpt2"), "model.kv_heads": .integer(2)]))
                == ["model.kv_heads: only with model.family \"llama\""])
    }

    @Test("weights are for all sources or for none")
    func weights() throws {
        let sources = JSON.array([
            JSON(members: ["path": .string("a"), "weight": .number(1)]), JSON(members: ["path": .string("b")]),
        ])
        #expect(
            try Self.faults(try RunFixture().json(["data.sources": sources])) == [
                "data.sources[1].weight: missing: other sources have one"
            ])
    }

    @Test("the learning rate follows its schedule")
    func schedule() throws {
        let fixture = try RunFixture()
        func rates(_ shape: String, _ changes: KeyValuePairs<String, JSON?> = [:]) throws -> [Double] {
            var fixture = fixture
            fixture.fields = try #require(fixture.json(changes).objectValue).members.reduce(into: [:]) {
                $0[$1.0] = $1.1
            }
            let recipe = try Recipe(
                fixture.json([
                    "optimizer.learning_rate": .number(1), "schedule.shape": .string(shape),
                    "schedule.warmup": .integer(4), "schedule.final": .number(0.1),
                ]), folder: "")
            let rates = try recipe.learningRates()
            return [0, 3, 4, 13, 23].map { (rates.rate(step: $0) * 1e6).rounded() / 1e6 }
        }
        #expect(try rates("constant") == [0.25, 1, 1, 1, 1])
        #expect(try rates("linear") == [0.25, 1, 0.955, 0.55, 0.1])
        #expect(try rates("cosine") == [0.25, 1, 1, 0.587161, 0.1])
        #expect(try rates("wsd", ["schedule.decay": .integer(20)]) == [0.25, 1, 0.955, 0.55, 0.1])
    }

    @Test("the example of docs/training.md is one")
    func example() throws {
        let file = Fixture.folder.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("docs/training.md")
        let text = String(decoding: try Data(contentsOf: file), as: UTF8.self)
        let start = try #require(text.range(of: "```json\n")).upperBound
        let end = try #require(text.range(of: "```", range: start..<text.endIndex)).lowerBound
        let recipe = try Self.read(String(text[start..<end]))
        #expect(recipe.sequenceLength == 512 && recipe.accumulation == 8)
    }

    @Test("the table of docs/training.md is the schema's; TEMPER_WRITE_DOCS=1 writes it anew")
    func document() throws {
        let file = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("docs/training.md")
        let marker = "<!-- fields of the recipe, written by TEMPER_WRITE_DOCS=1 swift test -->\n"
        let text = String(decoding: try Data(contentsOf: file), as: UTF8.self)
        let start = try #require(text.range(of: marker)).upperBound
        let end = try #require(text.range(of: "<!-- end of fields -->", range: start..<text.endIndex)).lowerBound
        if ProcessInfo.processInfo.environment["TEMPER_WRITE_DOCS"] != nil {
            try Data(text.replacingCharacters(in: start..<end, with: RecipeSchema.markdown).utf8).write(to: file)
        } else {
            #expect(text[start..<end] == RecipeSchema.markdown)
        }
    }
}
