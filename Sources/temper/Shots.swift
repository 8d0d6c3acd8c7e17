// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Dispatch
import Engine
import Evaluation
import Foundation
import Prompting
import Service
import StrictJSON
import Synchronization

/// `temper shots`.
struct Shots: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "What examples in the prompt do to answers.", subcommands: [ShotsCurve.self])
}

/// `temper shots curve`.
struct ShotsCurve: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "curve", abstract: "Measures how accuracy goes with the number of examples.",
        discussion: """
            Files are JSONL, or CSV by their ending .csv, with input, output and maybe rationale and label. Values are \
            checked as the server checks those of /v1/prompts/curve.
            """)

    @Argument(help: "A checkpoint: a file, a folder, or a name in the models folder. [default: the shipped model]")
    var model: String?

    @Option(name: .customLong("set"), help: "The file of the examples, or the id of a set that comes with the program.")
    var examples: String

    @Option(help: "The file of the test items.")
    var test: String

    @Option(help: "The numbers of examples, with commas between. [default: 0,1,2,4,8]")
    var counts: String?

    @Option(help: "How examples are selected: first, random, balanced, bm25, ngram.")
    var select: String?

    @Option(help: "In which order they are shown.")
    var order: String?

    @Option(help: "The seed of what is random.")
    var seed: Int?

    @Option(help: "The template by name, or as a JSON object.")
    var template: String?

    @Option(help: "What to do, in words.")
    var instruction: String?

    @Option(help: "exact_match, choice or rouge_l.")
    var metric: String?

    @Option(help: "trim or loose.")
    var normalize: String?

    @Option(help: "The answer is what follows the last of these.")
    var answerAfter: String?

    @Option(help: "The most tokens of an answer.")
    var maxTokens: Int?

    @Option(help: "A string that ends an answer; may be given several times. [default: the line feed]")
    var stop: [String] = []

    @Option(help: "Writes the curve to this file as JSON; -: to standard output instead of the table.")
    var json: String?

    @Option(help: "Draws the curve into this file as SVG.")
    var svg: String?

    @OptionGroup var engineFlags: EngineFlags

    func validate() throws {
        _ = try engineFlags.options()
        _ = try fields()
    }

    func run() throws {
        let fields = try fields()
        let library = try library()
        let items = try Self.readExamples(test)
        var body = fields
        body["test"] = .array(
            items.map { item in
                var object = JSONObject()
                object["input"] = .string(item.input)
                object["output"] = .string(item.output)
                return .object(object)
            })
        let files = try engineFlags.files()
        let path = try model.map { files.path(of: $0) } ?? files.defaultPath()
        let engine = try EngineFactory.load(
            [path], tokenizer: try Environment.value(engineFlags.tokenizer, "TOKENIZER"),
            options: try engineFlags.options(), report: Terminal.note)
        defer { engine.stop() }
        let plan: CurvePlan
        do throws(APIError) {
            plan = try CurvePlan(fields: body, model: engine.models[0], library: library)
        } catch {
            Terminal.note("Error: \(error.message)")
            throw ExitCode.validationFailure
        }
        let (points, usage) = try Self.run(plan, engine)
        var writer = JSONWriter()
        writer.object { CurveWriter.write(points, plan, usage, to: &$0) }
        let text = String(decoding: writer.bytes, as: UTF8.self) + "\n"
        if json == "-" { Terminal.write(text) } else { Terminal.write(Self.table(points, plan)) }
        if let json, json != "-" { try Self.write(text, to: json) }
        if let svg { try Self.write(CurvePlot.svg(points, plan), to: svg) }
    }

    // MARK: The request

    /// The id that the examples have for the request.
    private static let fileID = "file"

    /// The options as fields of `/v1/prompts/curve`, the test items aside.
    private func fields() throws -> JSONObject {
        var shots = JSONObject()
        shots["set"] = .string(isFile ? Self.fileID : examples)
        shots["select"] = select.map { .string($0) }
        shots["order"] = order.map { .string($0) }
        shots["seed"] = seed.map { .integer(Int64($0)) }
        shots["template"] = template.map { (try? JSONParser.parse($0.utf8)) ?? .string($0) }
        shots["instruction"] = instruction.map { .string($0) }
        var fields = JSONObject()
        fields["shots"] = .object(shots)
        fields["metric"] = metric.map { .string($0) }
        fields["normalize"] = normalize.map { .string($0) }
        fields["answer_after"] = answerAfter.map { .string($0) }
        fields["max_tokens"] = maxTokens.map { .integer(Int64($0)) }
        if !stop.isEmpty { fields["stop"] = .array(stop.map { .string($0) }) }
        if let counts {
            fields["counts"] = .array(
                try counts.split(separator: ",", omittingEmptySubsequences: false).map { part in
                    guard let count = Int64(part) else {
                        throw ValidationError("--counts: expected numbers with commas between, found '\(counts)'")
                    }
                    return .integer(count)
                })
        }
        do throws(APIError) {
            var reading = FieldReading(limits: nil, isStrict: true)
            _ = try RequestSchema.read(fields, for: .curve, &reading)
        } catch {
            throw ValidationError(error.message)
        }
        return fields
    }

    private var isFile: Bool { FileManager.default.fileExists(atPath: examples) }

    private func library() throws -> ExampleLibrary {
        guard isFile else {
            do throws(ExampleLibraryError) {
                return try ExampleLibrary.shipped(in: ModelFiles.shippedFolder("Models/example-sets"))
            } catch {
                throw Failure(error.description)
            }
        }
        let content = ExampleSetContent(examples: try Self.readExamples(examples))
        return ExampleLibrary(store: nil, shipped: [(Self.fileID, content)])
    }

    private static func readExamples(_ path: String) throws -> [ShotExample] {
        guard let data = FileManager.default.contents(atPath: path) else { throw Failure("\(path): cannot be read") }
        do throws(APIError) {
            if path.hasSuffix(".csv") { return try ExampleTransfer.readTable(Array(data)) }
            return try ExampleTransfer.readLines(Array(data)).examples
        } catch {
            throw Failure("\(path): \(error.message)")
        }
    }

    // MARK: The work

    private static func run(_ plan: CurvePlan, _ engine: TemperEngine) throws -> ([CurvePoint], GenerationUsage) {
        let result = Mutex<(points: [CurvePoint], usage: GenerationUsage, error: APIError?)>(
            ([], GenerationUsage(), nil))
        let done = DispatchSemaphore(value: 0)
        let run = CurveRun(plan, engine: engine, queue: DispatchQueue(label: "temper.curve")) { event in
            switch event {
            case .point(let point, let isComplete):
                if isComplete {
                    Terminal.note("\(point.count) examples: \(percent(point.score)) of \(point.scores.count) items")
                }
            case .completed(let points, let usage):
                result.withLock { $0 = (points, usage, nil) }
                done.signal()
            case .failed(let error):
                result.withLock { $0.error = error }
                done.signal()
            }
        }
        run.start()
        done.wait()
        let (points, usage, error) = result.withLock { $0 }
        if let error { throw Failure(error.message) }
        return (points, usage)
    }

    // MARK: The table

    private static func table(_ points: [CurvePoint], _ plan: CurvePlan) -> String {
        let confidence = percent(plan.confidence)
        var rows = [["examples", plan.scoring.metric.rawValue, "\(confidence) interval", "items", "shown"]]
        for point in points {
            let interval = point.interval(plan.scoring.metric, confidence: plan.confidence)
            rows.append([
                String(point.count), percent(point.score),
                "\(percent(interval.low)) to \(percent(interval.high))", String(point.scores.count),
                tenths(point.meanShown),
            ])
        }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            zip(row, widths).map { String(repeating: " ", count: $1 - $0.count) + $0 }.joined(separator: "  ") + "\n"
        }.joined()
    }

    static func percent(_ share: Double) -> String { tenths(100 * share) + " %" }

    private static func tenths(_ number: Double) -> String {
        let value = Int((10 * number).rounded())
        return "\(value / 10).\(value % 10)"
    }

    private static func write(_ text: String, to path: String) throws {
        do {
            try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw Failure("\(path): cannot be written")
        }
    }
}
