// SPDX-License-Identifier: Apache-2.0

import Dispatch
package import Engine
import Prompting
package import StrictJSON
import Synchronization
import Tokenizers

/// A comparison without a server: the fields of `/v1/compare`, checked by the same schema and answered by the same code.
package struct LocalComparison: Sendable {
    private let plan: ComparisonPlan
    private let common: JSONObject

    /// The fields whose values a report tells elsewhere.
    private static let told: Set = [
        "prompt", "messages", "lanes", "grid", "random", "reference", "samples", "seed",
    ]

    /// What ought to be known, in sentences.
    package var warnings: [String] { plan.warnings.map { "\($0.param): \($0.message)" } }

    /// Checks what can be checked without a model.
    ///
    /// - Throws: ``APIError`` as the route would answer it.
    package static func check(_ fields: JSONObject) throws(APIError) {
        var reading = FieldReading(limits: nil, isStrict: true)
        let values = try RequestSchema.read(fields, for: .compare, &reading)
        guard !values[RequestFields.stream] else {
            throw .unsupported(
                param: RequestFields.stream.name, reason: "there is no stream without a server",
                allowed: Allowed(values: [.bool(false)]))
        }
    }

    /// Checks `fields` as the body of a comparison by the first model of `engine`, which is asked what it thinks of
    /// examples where they are chosen by that; `library` holds the example sets they may name. Blocks.
    ///
    /// - Throws: ``APIError`` as the route would answer it.
    package init(
        fields: JSONObject, engine: any InferenceEngine, library: ExampleLibrary? = nil, version: String
    ) throws(APIError) {
        try Self.check(fields)
        guard let model = engine.models.first else { throw .loading }
        let limits = ModelLimits(contextLength: model.contextLength, vocabularySize: model.tokenizer.vocabularySize)
        var reading = FieldReading(limits: limits, isStrict: true)
        let values = try RequestSchema.read(fields, for: .compare, &reading)
        let assembly = PromptAssembly(
            model: model, chatTemplate: Result { () throws(PromptingError) in try ChatTemplate(model.tokenizer) },
            library: library, book: ModelBook(model, memory: ModelMemory()))
        let planner = GenerationPlanner(timeLimit: nil, version: version)
        var made: ComparisonPlan?
        while made == nil {
            do throws(APIError) {
                made = try planner.comparison(values, assembly: assembly, warnings: reading.warnings)
            } catch {
                guard let missing = assembly.book.takeMissing() else { throw error }
                try Self.ask(missing, assembly.book, engine)
            }
        }
        guard let made else { throw .internalFault("no plan was made") }
        plan = made
        var common = JSONObject()
        for (name, value) in fields.members where !Self.told.contains(name) && !value.isNull { common[name] = value }
        self.common = common
    }

    private static func ask(
        _ missing: [[ModelQuestion]], _ book: ModelBook, _ engine: any InferenceEngine
    ) throws(APIError) {
        let done = DispatchSemaphore(value: 0)
        let failure = Mutex<EngineError?>(nil)
        let queue = DispatchQueue(label: "temper.compare.questions")
        ModelInquiry(missing, for: book, engine: engine, queue: queue) { error in
            failure.withLock { $0 = error }
            done.signal()
        }.start()
        done.wait()
        if let error = failure.withLock({ $0 }) { throw APIError(error, param: RequestFields.shots.name) }
    }

    /// Does the work. Blocks until all of it is done.
    ///
    /// - Throws: ``APIError`` as the route would answer it.
    package func run(on engine: any InferenceEngine) throws(APIError) -> FinishedComparison {
        let progress = Mutex((answer: ComparisonAnswer(plan: plan), end: [GenerationUsage](), error: EngineError?.none))
        let done = DispatchSemaphore(value: 0)
        do throws(EngineError) {
            _ = try engine.submit(plan.group, model: plan.model.id) { event in
                progress.withLock { progress in
                    switch event {
                    case .completed(let usages):
                        progress.end = usages
                        done.signal()
                    case .failed(let error):
                        progress.error = error
                        done.signal()
                    default: _ = progress.answer.receive(event)
                    }
                }
            }
        } catch {
            throw APIError(error, param: plan.promptParam)
        }
        done.wait()
        return try progress.withLock { progress throws(APIError) in
            if let error = progress.error { throw progress.answer.error(error) }
            var result = progress.answer.result(progress.end)
            result.common = common
            return result
        }
    }
}
