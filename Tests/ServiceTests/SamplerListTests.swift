// SPDX-License-Identifier: Apache-2.0

import Decoding
import Engine
import StrictJSON
import Testing

@Suite struct SamplerListTests {
    private func sampling(_ fields: String) throws -> SamplingParameters {
        let service = TestService()
        let answer = try service.complete("{\"prompt\":\"a\",\"strict\":true,\(fields)}")
        #expect(answer.status == 200, "\(answer.text)")
        return try #require(service.engine.submissions.first?.requests.first?.sampling)
    }

    private func fault(_ fields: String) throws -> (code: String?, param: String?) {
        let answer = try TestService().complete("{\"prompt\":\"a\",\"strict\":true,\(fields)}")
        #expect(answer.status == 400, "\(fields)")
        return (answer.errorCode, answer.param)
    }

    @Test func everyFieldReachesItsStage() throws {
        let found = try sampling(
            """
            "temperature":0.5,"dynatemp_range":0.25,"dynatemp_exponent":2,"top_k":7,"top_p":0.9,"min_p":0.1,"typ_p":0.8,\
            "nsigma":1.5,"top_h":0.7,"epsilon_cutoff":0.01,"eta_cutoff":0.02,"tfs":0.95,"top_a":0.2,\
            "xtc_probability":0.5,"xtc_threshold":0.2,"smoothing_factor":0.3,"smoothing_curve":1.5,\
            "mirostat_mode":2,"mirostat_tau":3,"mirostat_eta":0.2,"frequency_penalty":1,"presence_penalty":-1,\
            "repeat_penalty":1.5,"repeat_last_n":64,"presence_penalty_window":-1,"frequency_penalty_scope":"both",\
            "no_repeat_ngram_size":3,"dry_multiplier":0.8,"dry_base":2,"dry_allowed_length":4,"dry_penalty_last_n":100,\
            "exponential_decay_length_penalty":[5,1.25],"logit_bias":{"5":-3},"sequence_bias":[[[1,2],3]],\
            "bad_words_ids":[[4,5]],"allowed_token_ids":[1,2,3],"suppress_tokens":[9],"min_tokens":2,\
            "watermark":{"bias":1,"greenlist_ratio":0.5,"hashing_key":7},"stop_token_ids":[11],"seed":3
            """)
        var expected = SamplingParameters()
        expected.seed = 3
        expected.temperature = 0.5
        expected.dynamicTemperature = DynamicTemperatureParameters(range: 0.25, exponent: 2)
        (expected.topK, expected.topP, expected.minP, expected.typicalP) = (7, 0.9, 0.1, 0.8)
        (expected.topNSigma, expected.topH, expected.epsilonCutoff, expected.etaCutoff) = (1.5, 0.7, 0.01, 0.02)
        (expected.tailFree, expected.topA) = (0.95, 0.2)
        expected.xtc = XTCParameters(probability: 0.5, threshold: 0.2)
        expected.quadratic = QuadraticParameters(factor: 0.3, curve: 1.5)
        expected.mirostat = MirostatParameters(version: .two, tau: 3, eta: 0.2)
        (expected.frequencyPenalty, expected.presencePenalty, expected.repetitionPenalty) = (1, -1, 1.5)
        expected.frequencyRange = PenaltyRange(scope: .both, window: 64)
        expected.presenceRange = PenaltyRange(scope: .output, window: nil)
        expected.repetitionRange = PenaltyRange(scope: .both, window: 64)
        expected.noRepeatNGramSize = 3
        var dry = DRYParameters(multiplier: 0.8)
        (dry.base, dry.allowedLength, dry.window) = (2, 4, 100)
        dry.breakers = DRYBreakers([[10], [58], [34], [42]])
        expected.dry = dry
        let ends = FakeTokenizer().endIDs
        expected.lengthDecay = LengthDecayParameters(start: 5, factor: 1.25, ids: ends)
        expected.logitBias = [5: -3]
        expected.sequenceBias = [SequenceBias(ids: [1, 2], bias: 3)]
        expected.badWords = [[4, 5]]
        (expected.allowedIDs, expected.suppressedIDs) = ([1, 2, 3], [9])
        expected.minTokens = MinTokensParameters(count: 2, ids: ends.union([11]))
        var watermark = WatermarkParameters()
        (watermark.bias, watermark.ratio, watermark.key) = (1, 0.5, 7)
        expected.watermark = watermark
        expected.stages = SamplingOrder.temper.stages.filter { $0 != .adaptiveP }
        #expect(found == expected)
        #expect(
            try sampling("\"adaptive_target\":0.4,\"adaptive_decay\":0.5").adaptiveP
                == AdaptivePParameters(target: 0.4, decay: 0.5))
    }

    @Test func valuesThatSwitchOffSwitchOff() throws {
        let found = try sampling(
            """
            "mirostat":0,"mirostat_tau":3,"xtc_probability":0,"dry_multiplier":0,"typical_p":1,"top_n_sigma":-1,\
            "dynatemp_range":0,"dynatemp_exponent":3,"adaptive_target":-0.5,"smoothing_factor":0,"tfs_z":1,"top_k":-1,\
            "watermark":false,"min_tokens":0,"top_h":1,"repeat_last_n":-1,"bad_words":[],"samplers":null
            """)
        #expect(found.activeStages == [])
    }

    @Test func aListDecidesTheSequence() throws {
        let found = try sampling(
            "\"samplers\":[{\"name\":\"top_p\",\"top_p\":0.9},\"temperature\",\"top_k\",\"penalties\"],\"temperature\":2,"
                + "\"repeat_penalty\":1.1,\"logit_bias\":{\"1\":2},\"suppress_tokens\":[3]")
        #expect(found.stages == [.logitBias, .suppressedIDs, .topP, .temperature, .repetitionPenalty])
        #expect(found.topP == 0.9 && found.temperature == 2 && found.order == .temper)
        let other = try sampling("\"samplers\":[\"top_k\"],\"order\":\"vllm\",\"top_k\":3")
        #expect(other.stages == [.topK] && other.order == .vllm)
    }

    @Test func ordersSetSequenceAndRanges() throws {
        let llama = try sampling(
            "\"order\":\"llama.cpp\",\"temperature\":0.8,\"top_p\":0.9,\"top_k\":40,\"dry_multiplier\":1,\"repeat_penalty\":1.1"
        )
        #expect(llama.stages == [.repetitionPenalty, .dry, .topK, .topP, .temperature])
        #expect(llama.repetitionRange == PenaltyRange(scope: .both, window: 64) && llama.dry?.window == 64)
        #expect(try sampling("\"order\":\"llama.cpp\",\"repeat_last_n\":-1").repetitionRange?.window == nil)
        let mirostat = try sampling("\"order\":\"llama.cpp\",\"temperature\":0.8,\"mirostat\":1")
        #expect(mirostat.stages == [.temperature, .mirostat])
    }

    @Test(
        "contradictions are refused by name",
        arguments: [
            ("\"samplers\":[\"top_p\"],\"top_k\":5", "invalid_value", "top_k"),
            ("\"samplers\":[],\"repeat_penalty\":1.5", "invalid_value", "repeat_penalty"),
            ("\"samplers\":[\"top_p\"],\"temperature\":0", "invalid_value", "temperature"),
            (
                "\"samplers\":[{\"name\":\"top_p\",\"top_p\":0.9}],\"top_p\":0.8", "conflicting_fields",
                "samplers[0].top_p"
            ),
            ("\"mirostat\":2,\"adaptive_target\":0.5", "conflicting_fields", "adaptive_target"),
            ("\"order\":\"llama.cpp\",\"mirostat\":2,\"top_k\":40", "invalid_value", "top_k"),
            ("\"min_tokens\":5,\"max_tokens\":4", "invalid_value", "min_tokens"),
            ("\"typical_p\":0.5,\"typ_p\":0.6", "conflicting_fields", "typ_p"),
            ("\"samplers\":[{\"name\":\"dry\",\"dry_base\":0.5}]", "invalid_value", "samplers[0].dry_base"),
        ])
    func contradictions(_ fields: String, _ code: String, _ param: String) throws {
        let found = try fault(fields)
        #expect(found.code == code && found.param == param, "\(found)")
    }

    @Test(
        "the effective settings can be sent back",
        arguments: [
            "\"order\":\"llama.cpp\",\"temperature\":0.7,\"top_k\":40,\"dry_multiplier\":0.8,\"repeat_penalty\":1.1",
            "\"order\":\"hf\",\"typical_p\":0.9,\"watermark\":true,\"exponential_decay_length_penalty\":[3,1.5]",
            "\"samplers\":[\"xtc\",{\"name\":\"temperature\",\"temperature\":0.1},\"mirostat\"],\"xtc_probability\":0.5,"
                + "\"mirostat\":2,\"bad_words\":[\"no\"]",
            "\"order\":\"mlx\",\"presence_penalty\":0.5,\"adaptive_target\":0.25,\"allowed_token_ids\":[1,2],\"min_tokens\":3",
        ])
    func effectiveSettingsComeBack(_ fields: String) throws {
        let service = TestService()
        let answer = try service.complete("{\"prompt\":\"a\",\"return\":[\"effective_settings\"],\(fields)}")
        var settings = try #require(answer.json["effective_settings"]?.objectValue)
        let stages = service.engine.submissions[0].requests[0].sampling.activeStages
        #expect(settings["samplers"]?.arrayValue?.map { $0["name"]?.stringValue } == stages.map(\.rawValue))
        settings["prompt"] = .string("a")
        settings["strict"] = .bool(true)
        var writer = JSONWriter()
        writer.value(.object(settings))
        let again = try service.complete(String(decoding: writer.bytes, as: UTF8.self))
        #expect(again.status == 200, "\(again.text)")
        let sampling = service.engine.submissions.map { $0.requests[0].sampling }
        #expect(sampling[0] == sampling[1])
    }

    @Test func wordsAreBannedWithAndWithoutTheSpaceBeforeThem() throws {
        // The fake vocabulary spells in bytes: with a space a word has one more, as vLLM has it only the plain one counts.
        #expect(try sampling("\"bad_words\":[\"ab\",\" c\"]").badWords == [[97, 98], [99]])
    }

    @Test func breakersAreFoundInTheVocabulary() throws {
        // Two tokens end with an "a", after which a "b" is left; one token is the other breaker.
        let found = try sampling("\"dry_multiplier\":1,\"dry_sequence_breakers\":[\"ab\",\"x\"]")
        #expect(found.dry?.breakers == DRYBreakers([[97, 98], [260, 98], [120]]))
        #expect(try sampling("\"dry_multiplier\":1,\"dry_sequence_breakers\":[]").dry?.breakers == DRYBreakers([]))
    }

    @Test func stopsAndLeastLengthReachTheEngine() throws {
        let service = TestService()
        _ = try service.complete("{\"prompt\":\"a\",\"stop\":\"x\",\"include_stop\":true,\"min_tokens\":3}")
        let request = try #require(service.engine.submissions.first?.requests.first)
        #expect(request.includesStop && request.minTokens == 3)
    }
}
