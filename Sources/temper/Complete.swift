// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Dispatch
import Engine
import Service
import StrictJSON
import Synchronization

/// `temper complete`.
struct Complete: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Continues a prompt on the terminal.",
        discussion: "Values are checked as the server checks those of /v1/completions.")

    @Argument(help: "A checkpoint: a file, a folder, or a name in the models folder. [default: the shipped model]")
    var model: String?

    @Option(name: .shortAndLong, help: "The text to continue; absent: standard input.")
    var prompt: String?

    @Option(
        name: [.customShort("n"), .long], parsing: .unconditional,
        help: "The most tokens to generate. [default: 128, within the context]")
    var maxTokens: Int?

    @Option(parsing: .unconditional, help: "Divides the logits; 0 takes the likeliest token.")
    var temperature: Double?

    @Option(parsing: .unconditional, help: "Keeps this many of the likeliest tokens.")
    var topK: Int?

    @Option(parsing: .unconditional, help: "Keeps the likeliest tokens up to this probability.")
    var topP: Double?

    @Option(parsing: .unconditional, help: "Keeps tokens at least this fraction as likely as the likeliest.")
    var minP: Double?

    @Option(parsing: .unconditional, help: "Subtracted per occurrence in the output.")
    var frequencyPenalty: Double?

    @Option(parsing: .unconditional, help: "Subtracted once a token occurred in the output.")
    var presencePenalty: Double?

    @Option(
        name: [.customLong("repetition-penalty"), .customLong("repeat-penalty")], parsing: .unconditional,
        help: "Divides logits of seen tokens.")
    var repetitionPenalty: Double?

    @Option(parsing: .unconditional, help: "Keeps tokens of typical surprise up to this probability.")
    var typicalP: Double?

    @Option(parsing: .unconditional, help: "Keeps logits within this many standard deviations of the largest.")
    var topNSigma: Double?

    @Option(parsing: .unconditional, help: "How often the likeliest tokens but one are removed.")
    var xtcProbability: Double?

    @Option(parsing: .unconditional, help: "What is likely enough for that.")
    var xtcThreshold: Double?

    @Option(parsing: .unconditional, help: "Penalty on what would go on with a repetition.")
    var dryMultiplier: Double?

    @Option(parsing: .unconditional, help: "Lets the temperature go with the entropy, up and down by this.")
    var dynatempRange: Double?

    @Option(parsing: .unconditional, help: "Keeps the surprise near --mirostat-tau: 1 or 2, the version.")
    var mirostat: Int?

    @Option(parsing: .unconditional, help: "The surprise to keep to, in bits.")
    var mirostatTau: Double?

    @Option(
        name: [.customLong("penalty-window"), .customLong("repeat-last-n")], parsing: .unconditional,
        help: "What the penalties look at.")
    var penaltyWindow: Int?

    @Option(help: "Whose sequence and conventions hold: temper, llama.cpp, vllm, hf, mlx.")
    var order: String?

    @Option(help: "The stages that act, in sequence, with commas between: top_k,top_p,temperature.")
    var samplers: String?

    @Option(parsing: .unconditional, help: "The least number of tokens before an end.")
    var minTokens: Int?

    @Option(
        name: .customLong("set"),
        help: "Any other field of /v1/completions, as name=value with the value in JSON; may be given several times.")
    var settings: [String] = []

    @Option(parsing: .unconditional, help: "The seed of the noise; absent: a random one, which is told at the end.")
    var seed: Int64?

    @Option(help: "A string that ends the text; may be given several times.")
    var stop: [String] = []

    @Flag(help: "Goes on after the model's end token.")
    var ignoreEos = false

    @Flag(help: "Does not put the start token before the prompt.")
    var noSpecial = false

    @Flag(inversion: .prefixedNo, help: "Reads control tokens in the prompt.")
    var parseSpecial = true

    @Flag(help: "Writes the prompt before the continuation.")
    var echo = false

    @OptionGroup var engineFlags: EngineFlags

    /// Finds every value that cannot be, whatever the model, before one is loaded.
    func validate() throws {
        let numbers = [
            ("temperature", temperature), ("top-p", topP), ("min-p", minP), ("frequency-penalty", frequencyPenalty),
            ("presence-penalty", presencePenalty), ("repetition-penalty", repetitionPenalty), ("typical-p", typicalP),
            ("top-n-sigma", topNSigma), ("xtc-probability", xtcProbability), ("xtc-threshold", xtcThreshold),
            ("dry-multiplier", dryMultiplier), ("dynatemp-range", dynatempRange), ("mirostat-tau", mirostatTau),
        ]
        // JSON, in which the values are checked, has finite numbers only.
        for case (let name, let number?) in numbers where !number.isFinite {
            throw ValidationError("--\(name): expected a finite number, found \(number)")
        }
        _ = try engineFlags.options()
        let fields = try fields()
        do throws(APIError) {
            var reading = FieldReading(limits: nil, isStrict: true)
            _ = try RequestSchema.read(fields, for: .completions, &reading)
        } catch {
            throw ValidationError(error.message)
        }
    }

    func run() throws {
        let files = try engineFlags.files()
        let path = try model.map { files.path(of: $0) } ?? files.defaultPath()
        let text = try prompt ?? Terminal.readText()
        let engine = try EngineFactory.load(
            [path], tokenizer: try Environment.value(engineFlags.tokenizer, "TOKENIZER"),
            options: try engineFlags.options(), report: Terminal.note)
        let info = engine.models[0]
        let completion: LocalCompletion
        do {
            completion = try makeCompletion(text, info)
        } catch let error as APIError {
            Terminal.note("Error: \(error.message)")
            throw ExitCode.validationFailure
        }
        for warning in completion.warnings { Terminal.note("warning: \(warning)") }
        if echo { Terminal.write(completion.promptText) }
        let (reason, usage) = try run(completion, engine, info)
        if maxTokens != 0 || echo { Terminal.write("\n") }
        report(reason, usage, seed: completion.seed)
        engine.stop()
    }

    /// The options as fields of `/v1/completions`.
    ///
    /// - Throws: a `ValidationError` for a `--set` that is none.
    private func fields() throws -> JSONObject {
        var fields = JSONObject()
        fields["temperature"] = temperature.map { .number($0) }
        fields["top_k"] = topK.map { .integer(Int64($0)) }
        fields["top_p"] = topP.map { .number($0) }
        fields["min_p"] = minP.map { .number($0) }
        fields["frequency_penalty"] = frequencyPenalty.map { .number($0) }
        fields["presence_penalty"] = presencePenalty.map { .number($0) }
        fields["repetition_penalty"] = repetitionPenalty.map { .number($0) }
        fields["typical_p"] = typicalP.map { .number($0) }
        fields["top_n_sigma"] = topNSigma.map { .number($0) }
        fields["xtc_probability"] = xtcProbability.map { .number($0) }
        fields["xtc_threshold"] = xtcThreshold.map { .number($0) }
        fields["dry_multiplier"] = dryMultiplier.map { .number($0) }
        fields["dynatemp_range"] = dynatempRange.map { .number($0) }
        fields["mirostat"] = mirostat.map { .integer(Int64($0)) }
        fields["mirostat_tau"] = mirostatTau.map { .number($0) }
        fields["penalty_window"] = penaltyWindow.map { .integer(Int64($0)) }
        fields["order"] = order.map { .string($0) }
        fields["samplers"] = samplers.map { .array($0.split(separator: ",").map { .string(String($0)) }) }
        fields["min_tokens"] = minTokens.map { .integer(Int64($0)) }
        fields["seed"] = seed.map { .integer($0) }
        fields["max_tokens"] = maxTokens.map { .integer(Int64($0)) }
        if !stop.isEmpty { fields["stop"] = .array(stop.map { .string($0) }) }
        fields["ignore_eos"] = .bool(ignoreEos)
        fields["add_special_tokens"] = .bool(!noSpecial)
        fields["parse_special"] = .bool(parseSpecial)
        for setting in settings {
            let (name, value) = try Self.assignment(setting)
            guard fields[name] == nil else { throw ValidationError("--set \(name): given already") }
            fields[name] = value
        }
        return fields
    }

    private func makeCompletion(_ text: String, _ info: ModelInfo) throws -> LocalCompletion {
        var fields = try fields()
        fields["prompt"] = .string(text)
        let library = try ExampleLibrary.shipped(in: ModelFiles.shippedFolder("Models/example-sets"))
        var completion = try LocalCompletion(fields: fields, model: info, library: library)
        if maxTokens == nil {
            for index in completion.requests.indices {
                let rest = info.contextLength - completion.requests[index].prompt.count
                completion.requests[index].maxTokens = min(128, rest)
            }
        }
        return completion
    }

    /// `name=value`; what is no JSON is a string.
    private static func assignment(_ text: String) throws -> (name: String, value: JSON) {
        guard let sign = text.firstIndex(of: "="), sign != text.startIndex else {
            throw ValidationError("--set \(text): expected name=value")
        }
        let value = String(text[text.index(after: sign)...])
        return (String(text[..<sign]), (try? JSONParser.parse(value.utf8)) ?? .string(value))
    }

    private func run(
        _ completion: LocalCompletion, _ engine: TemperEngine, _ info: ModelInfo
    ) throws -> (FinishReason?, GenerationUsage) {
        let result = Mutex<(reason: FinishReason?, usage: GenerationUsage, error: EngineError?)>(
            (nil, GenerationUsage(), nil))
        let done = DispatchSemaphore(value: 0)
        do throws(EngineError) {
            _ = try engine.submit(completion.requests, model: info.id) { event in
                switch event {
                case .prompt, .distributions, .embedding, .searched, .diverged: break
                case .delta(_, _, let text, _): Terminal.write(text)
                case .finished(_, _, let reason): result.withLock { $0.reason = reason }
                case .completed(let usages):
                    result.withLock { $0.usage = usages.first ?? GenerationUsage() }
                    done.signal()
                case .failed(let error):
                    result.withLock { $0.error = error }
                    done.signal()
                }
            }
        } catch {
            throw Failure(APIError(error, param: "prompt").message)
        }
        done.wait()
        let (reason, usage, error) = result.withLock { ($0.reason, $0.usage, $0.error) }
        if let error { throw Failure(APIError(error, param: "prompt").message) }
        return (reason, usage)
    }

    private func report(_ reason: FinishReason?, _ usage: GenerationUsage, seed: Int64) {
        func rate(_ count: Int, _ duration: Duration) -> String {
            let seconds = duration / .seconds(1)
            return seconds > 0 ? "\((Double(count) / seconds * 10).rounded() / 10) tokens/s" : "at once"
        }
        let end =
            switch reason {
            case .endToken: "end of text"
            case .stopString: "stop string"
            case .constraint: "constraint"
            case .length: "length"
            case .deadline: "time"
            case .exhausted: "nothing left"
            case nil: "nothing to generate"
            }
        // The first token comes with the prefill.
        Terminal.note(
            "prompt \(usage.promptTokens) tokens, \(rate(usage.promptTokens, usage.prefillDuration)); "
                + "generated \(usage.generatedTokens) tokens, "
                + "\(rate(max(0, usage.generatedTokens - 1), usage.decodeDuration)); ended by \(end); seed \(seed)")
    }
}
