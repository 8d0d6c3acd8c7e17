// SPDX-License-Identifier: Apache-2.0

package import Engine
import Prompting
package import StrictJSON
import Tokenizers

/// A completion without a server: the fields of `/v1/completions`, checked by the same schema.
package struct LocalCompletion: Sendable {
    /// What the engine is to do: one request, several choices at most.
    package var requests: [GenerationRequest]
    /// The seed in effect.
    package var seed: Int64
    /// The prompt's text.
    package var promptText: String
    /// What ought to be known, in sentences.
    package var warnings: [String]

    /// Checks `fields` as the body of a completion of `model`; `library` holds the example sets they may name.
    ///
    /// - Throws: ``APIError`` as the route would answer it.
    package init(fields: JSONObject, model: ModelInfo, library: ExampleLibrary? = nil) throws(APIError) {
        let limits = ModelLimits(contextLength: model.contextLength, vocabularySize: model.tokenizer.vocabularySize)
        var reading = FieldReading(limits: limits, isStrict: true)
        let values = try RequestSchema.read(fields, for: .completions, &reading)
        let book = ModelBook(model, memory: ModelMemory())
        let assembly = PromptAssembly(
            model: model, chatTemplate: .failure(.noChatTemplate), library: library, book: book)
        let plan: GenerationPlan
        do throws(APIError) {
            plan = try GenerationPlanner(timeLimit: nil, version: "").plan(
                values, endpoint: .completions, assembly: assembly, warnings: reading.warnings)
        } catch {
            guard book.takeMissing() != nil else { throw error }
            throw .unsupported(
                param: RequestFields.shots.name, reason: "examples that the model chooses or orders need a server",
                allowed: nil)
        }
        requests = plan.requests
        seed = plan.seed
        promptText = plan.prompts.first?.text ?? ""
        warnings = plan.warnings.map { "\($0.param): \($0.message)" }
    }
}
