// SPDX-License-Identifier: Apache-2.0

import Engine
import Prompting
import Tokenizers

// Examples that are chosen and ordered by what the model itself knows of them.
extension PromptAssembly {
    /// What the model knows that the selection asks for.
    ///
    /// - Throws: ``ModelBook/unwritten`` where the model is to be asked first.
    func view(of shots: ResolvedShots, for query: String) throws(APIError) -> ExampleSelection.ModelView {
        var view = ExampleSelection.ModelView()
        let selection = shots.input.selection
        if selection.method.usesEmbeddings {
            let count = shots.pool.examples.count
            guard count < ModelBook.questionLimit else {
                throw .notAllowed(
                    param: shots.input.path("select"), found: "\(count) examples",
                    allowed: Allowed(max: Double(ModelBook.questionLimit - 1), counting: "examples"))
            }
            let numbers = try book.embeddings(shots.pool.examples.map(\.input) + [query])
            let width = numbers.count / (count + 1)
            view.inputs = Array(numbers.dropLast(width))
            view.query = Array(numbers.suffix(width))
        }
        if selection.method == .nll {
            let template = try shots.completionTemplate
            var sequences: [(ids: [Int32], start: Int)] = []
            for index in selection.candidates(from: shots.pool, query: query) {
                sequences.append(try sequence(query, after: shots.pool.examples[index], shots, template))
            }
            view.likelihoods = try book.likelihoods(sequences)
        }
        return view
    }

    /// A query after one example alone, up to the end of its input, and where its block begins among the tokens.
    private func sequence(
        _ query: String, after example: ShotExample, _ shots: ResolvedShots, _ template: ShotTemplate
    ) throws(APIError) -> (ids: [Int32], start: Int) {
        let prompt = try made([example], query, template, shots.input.answers, shots)
        guard let block = prompt.spans.last(where: { $0.kind == .query }) else { return ([], 0) }
        let bytes = Array(prompt.text.utf8)
        func ids(_ end: Int) -> [Int32] {
            model.tokenizer.encode(
                String(decoding: bytes[..<end], as: UTF8.self), addSpecial: true, parseSpecial: false)
        }
        return seam(ids(block.bytes.upperBound), after: ids(block.bytes.lowerBound))
    }

    /// The first tokens of `ids` that the context holds, and the first of them that is not among those of `beginning`.
    private func seam(_ ids: [Int32], after beginning: [Int32]) -> (ids: [Int32], start: Int) {
        let kept = Array(ids.prefix(model.contextLength))
        let shared = zip(kept, beginning).prefix { $0 == $1 }.count
        return (kept, max(1, min(shared, kept.count - 1)))
    }

    private func made(
        _ examples: [ShotExample], _ query: String, _ template: ShotTemplate, _ answers: AnswerFormat,
        _ shots: ResolvedShots
    ) throws(APIError) -> ShotPrompt {
        do throws(PromptingError) {
            return try ShotPrompt(
                ShotRequest(instruction: shots.instruction, examples: examples, query: query, answers: answers),
                template: template)
        } catch {
            throw APIError(error, param: "shots", templatePath: shots.input.path("template"))
        }
    }

    // MARK: Order

    /// How many different outputs ``ExampleSelection/Order/entropyProbed`` can tell apart.
    private static let labelCount = 2...16

    /// The examples in the order in which the model predicts the most evenly; see ``OrderProbing``.
    ///
    /// - Throws: ``ModelBook/unwritten`` where the model is to be asked first.
    func probedOrder(of shown: [Int], _ shots: ResolvedShots) throws(APIError) -> [Int] {
        guard shown.count > 1 else { return shown }
        var labels: [String] = []
        for index in shown where !labels.contains(shots.pool.examples[index].output) {
            labels.append(shots.pool.examples[index].output)
        }
        guard Self.labelCount.contains(labels.count) else {
            throw .invalidValue(
                param: shots.input.path("order"),
                reason: "entropy_probed needs examples with 2 to 16 different outputs, found \(labels.count) among the "
                    + "\(shown.count) that are shown")
        }
        let template = try shots.completionTemplate
        let orders = OrderProbing.orders(
            of: shown, count: shots.input.probeOrders, seed: shots.input.selection.seed)
        let probes = try probes(orders, shots, template)
        var logprobs: [[[Double]]] = []
        var missing: APIError?
        for order in orders {
            var sequences: [(ids: [Int32], start: Int)] = []
            for probe in probes {
                let text = try made(order.map { shots.pool.examples[$0] }, probe, template, AnswerFormat(), shots).text
                let beginning = model.tokenizer.encode(text, addSpecial: true, parseSpecial: false)
                for label in labels {
                    let ids = model.tokenizer.encode(
                        text + template.gap + label, addSpecial: true, parseSpecial: false)
                    sequences.append(seam(ids, after: beginning))
                }
            }
            do throws(APIError) {
                let sums = try book.likelihoods(sequences)
                logprobs.append(
                    probes.indices.map { Array(sums[$0 * labels.count..<($0 + 1) * labels.count]) })
            } catch {
                missing = error  // All orders are asked for at once.
            }
        }
        if let missing { throw missing }
        return orders[OrderProbing.best(logprobs)]
    }

    /// Inputs that the model makes up after the examples, one for each order; the examples' own where it makes up none.
    private func probes(
        _ orders: [[Int]], _ shots: ResolvedShots, _ template: ShotTemplate
    ) throws(APIError) -> [String] {
        var prompts: [[Int32]] = []
        var stops: [String] = []
        for order in orders {
            let prompt = try made(order.map { shots.pool.examples[$0] }, "", template, AnswerFormat(), shots)
            guard let block = prompt.spans.last(where: { $0.kind == .query }) else { continue }
            let bytes = Array(prompt.text.utf8)
            var head = bytes[..<block.bytes.upperBound]
            // The model writes the space before a word itself.
            while !block.bytes.isEmpty, head.last == UInt8(ascii: " ") { head.removeLast() }
            let cue = String(decoding: bytes[block.bytes.upperBound...], as: UTF8.self)
            stops = [cue.isEmpty ? "\n" : cue, "\n\n"]
            let ids = model.tokenizer.encode(
                String(decoding: head, as: UTF8.self), addSpecial: true, parseSpecial: false)
            guard ids.count < model.contextLength else { continue }
            prompts.append(ids)
        }
        let texts = try book.continuations(prompts, seed: shots.input.selection.seed, stops: stops)
        var probes: [String] = []
        for text in texts.map(\.withoutOuterSpace) where !text.isEmpty && !probes.contains(text) { probes.append(text) }
        return probes.isEmpty ? (orders.first ?? []).map { shots.pool.examples[$0].input } : probes
    }
}
