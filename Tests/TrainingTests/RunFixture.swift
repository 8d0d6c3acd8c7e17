// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Compute
import Foundation
import StrictJSON
import Training

/// A recipe and all that it names, in a folder.
struct RunFixture {
    let data: DataFixture
    var fields: [String: JSON]

    init(documents: Int = 120) throws {
        data = try DataFixture()
        try data.stories(documents)
        try makeVocabulary(size: 300).write(toFolder: data.folder.file("vocabulary"))
        fields = [
            "name": .string("tiny"), "tokenizer": .string("vocabulary"),
            "model": JSON(members: [
                "family": .string("llama"), "width": .integer(16), "layers": .integer(1), "heads": .integer(2),
                "feed_forward": .integer(32), "context": .integer(32),
            ]),
            "data": JSON(members: [
                "sources": .array([JSON(members: ["path": .string("stories.txt")])]), "validation": .number(0.1),
            ]),
            "train": JSON(members: [
                "steps": .integer(24), "batch_tokens": .integer(128), "accumulation": .integer(2), "seed": .integer(3),
            ]),
            "optimizer": JSON(members: ["learning_rate": .number(0.01)]),
            "evaluation": JSON(members: ["every": .integer(8), "sequences": .integer(8)]),
            "checkpoint": JSON(members: ["every": .integer(5), "keep": .integer(2)]),
        ]
    }

    /// The recipe's JSON; a member named as in `train.steps` replaces one.
    func json(_ changes: KeyValuePairs<String, JSON?> = [:]) -> JSON {
        var fields = fields
        for (path, value) in changes {
            let parts = path.split(separator: ".").map(String.init)
            guard parts.count == 2 else {
                fields[path] = value
                continue
            }
            var section = JSONObject()
            for (key, old) in fields[parts[0]]?.objectValue?.members ?? JSONObject().members where key != parts[1] {
                section[key] = old
            }
            section[parts[1]] = value
            fields[parts[0]] = .object(section)
        }
        var object = JSONObject()
        for (key, value) in fields.sorted(by: { $0.key < $1.key }) { object[key] = value }
        return .object(object)
    }

    func path(_ name: String) -> String { data.folder.file(name) }

    /// A session in the folder `out`.
    func session(
        _ out: String, _ changes: KeyValuePairs<String, JSON?> = [:], resumes: Bool = false, threads: Int = 1,
        availableBytes: Int? = nil, report: @escaping (RunEvent) -> Void = { _ in }
    ) throws -> TrainingSession {
        let recipe = try data.folder.write("recipe.json", json: json(changes))
        return try TrainingSession(
            recipe: recipe, folder: path(out), resumes: resumes, threadCount: threads, availableBytes: availableBytes,
            report: report)
    }

    /// The bytes of a file below `out`.
    func bytes(_ name: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: path(name)))) }

    func names(_ folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path(folder)).sorted()
    }
}
