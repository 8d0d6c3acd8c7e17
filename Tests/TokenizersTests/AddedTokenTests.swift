// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import StrictJSON
import Testing
import Tokenizers

/// Special and added tokens, and what a checkpoint's other files say about them.
struct AddedTokenTests {
    private static let model = #"""
        "model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2,"Ġ":3,"<":4,"|":5,"x":6,">":7},"merges":["a b"]},
        "pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false}
        """#

    private static func make(
        added: String, config: String? = nil, generation: String? = nil, chatTemplate: String? = nil, rest: String = ""
    ) throws -> any Tokenizer {
        try makeTokenizer(
            from: .huggingFace(
                tokenizer: try JSONParser.parse("{\(model),\"added_tokens\":[\(added)]\(rest)}".utf8),
                config: try config.map { try JSONParser.parse($0.utf8) },
                generationConfig: try generation.map { try JSONParser.parse($0.utf8) }, chatTemplate: chatTemplate),
            vocabularySize: nil)
    }

    @Test func longestTokenWinsAtOnePlace() throws {
        let tokenizer = try Self.make(
            added: #"{"id":8,"content":"<|x"},{"id":9,"content":"<|x|>"},{"id":10,"content":"|>","special":true}"#)
        #expect(tokenizer.encode("a<|x|>b", addSpecial: false, parseSpecial: true) == [0, 9, 1])
        #expect(tokenizer.encode("<|x|", addSpecial: false, parseSpecial: true) == [8, 5])
        #expect(tokenizer.encode("|>", addSpecial: false, parseSpecial: true) == [10])
        #expect(tokenizer.encode("|>", addSpecial: false, parseSpecial: false) == [5, 7])
    }

    @Test func aLongerControlTokenDoesNotHideAShorterUserDefinedOne() throws {
        let tokenizer = try Self.make(
            added: #"{"id":8,"content":"<|"},{"id":9,"content":"<|x|>","special":true}"#)
        #expect(tokenizer.encode("<|x|>", addSpecial: false, parseSpecial: true) == [9])
        #expect(tokenizer.encode("<|x|>", addSpecial: false, parseSpecial: false) == [8, 6, 5, 7])
        #expect(tokenizer.decode([8, 9, 6]) == "<|x")
        #expect(tokenizer.decode([8, 9, 6], showSpecial: true) == "<|<|x|>x")
    }

    @Test(arguments: ["", #","normalizer":{"type":"NFC"}"#])
    func controlTokensAreReadInTrustedPartsOnly(rest: String) throws {
        let tokenizer = try Self.make(
            added: #"{"id":8,"content":"<x>","special":true,"normalized":true},{"id":9,"content":"||"}"#, rest: rest)
        func encode(_ text: String, _ trusted: [Range<Int>]) -> [Int32] {
            tokenizer.encode(text, addSpecial: false, parseSpecialIn: trusted)
        }
        #expect(encode("<x>ab<x>", [0..<3, 5..<8]) == [8, 2, 8])
        #expect(encode("<x>ab<x>", [0..<3]) == [8, 2, 4, 6, 7])
        #expect(encode("<x>ab<x>", [4..<8]) == [4, 6, 7, 2, 8])
        #expect(encode("<x>ab<x>", []) == [4, 6, 7, 2, 4, 6, 7])
        #expect(encode("<x>", [0..<2]) == [4, 6, 7])
        #expect(encode("<x>", [1..<3]) == [4, 6, 7])
        // What is matched everywhere needs no trust, and a cut between parts leaves no trace.
        #expect(encode("a||b", []) == [0, 9, 1])
        #expect(encode("ab", [0..<1]) == [2])
        #expect(encode("", []) == [])
    }

    @Test func whatNormalizationRewritesIsTrustedWhollyOrNotAtAll() throws {
        let tokenizer = try Self.make(
            added: #"{"id":8,"content":"<x>","special":true,"normalized":true}"#,
            rest: #","normalizer":{"type":"NFC"}"#)
        // The angstrom sign becomes a letter of two bytes instead of three.
        let text = "\u{212B}<x>"
        #expect(tokenizer.encode(text, addSpecial: false, parseSpecialIn: [0..<6]).last == 8)
        #expect(tokenizer.encode(text, addSpecial: false, parseSpecialIn: [3..<6]).suffix(3) == [4, 6, 7])
    }

    @Test func strippingTakesWhiteSpaceAlongButNotTheTokenBefore() throws {
        let tokenizer = try Self.make(
            added: #"{"id":8,"content":"<x>","lstrip":true,"rstrip":true},{"id":9,"content":" |"}"#)
        #expect(tokenizer.encode("a \n\u{3000}<x>  b", addSpecial: false, parseSpecial: false) == [0, 8, 1])
        #expect(tokenizer.encode("<x> <x>", addSpecial: false, parseSpecial: false) == [8, 8])
        #expect(tokenizer.encode("a | <x>", addSpecial: false, parseSpecial: false) == [0, 9, 8])
    }

    @Test func singleWordsStandAlone() throws {
        let tokenizer = try Self.make(added: #"{"id":8,"content":"bb","single_word":true}"#)
        #expect(tokenizer.encode("bb", addSpecial: false, parseSpecial: false) == [8])
        #expect(tokenizer.encode("<bb> bb", addSpecial: false, parseSpecial: false) == [4, 8, 7, 3, 8])
        #expect(tokenizer.encode("abb bba", addSpecial: false, parseSpecial: false) == [2, 1, 3, 1, 1, 0])
        #expect(tokenizer.encode("\u{301}bb bb\u{301}", addSpecial: false, parseSpecial: false) == [1, 1, 3, 1, 1])
    }

    @Test func endsOfGenerationComeFromEverySource() throws {
        let added = #"""
            {"id":8,"content":"<|im_end|>","special":true},{"id":9,"content":"<eos>","special":true},
            {"id":10,"content":"<|eot_id|>"},{"id":11,"content":"<other>","special":true}
            """#
        let tokenizer = try Self.make(
            added: added, config: #"{"eos_token":{"content":"<eos>"},"bos_token":"<other>","add_bos_token":true}"#,
            generation: #"{"eos_token_id":[9,2]}"#)
        #expect(tokenizer.eosID == 9 && tokenizer.bosID == 11 && tokenizer.addsBOS)
        #expect(tokenizer.endIDs == [2, 8, 9, 10])
        // A known end of turn is a control token even if the file has it as plain.
        #expect(tokenizer.isControl(10))
        #expect(tokenizer.encode("a", addSpecial: true, parseSpecial: false) == [11, 0])
        let single = try Self.make(added: added, generation: #"{"eos_token_id":9}"#)
        #expect(single.eosID == 9 && single.endIDs == [8, 9, 10] && !single.addsBOS && single.bosID == nil)
    }

    @Test func endIDOfTheGenerationConfigMustBeInTheVocabulary() throws {
        #expect(throws: TokenizerError.idOutOfRange(piece: "eos_token_id", id: 8, limit: 8)) {
            try Self.make(added: "", generation: #"{"eos_token_id":8}"#)
        }
    }

    @Test func configurationOverridesThePostProcessor() throws {
        let template = #"""
            ,"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},
            {"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"</s>","type_id":0}}],
            "special_tokens":{"<s>":{"ids":[8]},"</s>":{"ids":[9]}}}
            """#
        let added = #"{"id":8,"content":"<s>","special":true},{"id":9,"content":"</s>","special":true}"#
        let plain = try Self.make(added: added, rest: template)
        #expect(plain.encode("a", addSpecial: true, parseSpecial: false) == [8, 0, 9])
        #expect(plain.encode("a", addSpecial: false, parseSpecial: false) == [0])
        #expect(plain.addsBOS && plain.bosID == 8)
        let configured = try Self.make(
            added: added,
            config: #"{"bos_token":"<s>","eos_token":"</s>","add_bos_token":false,"add_eos_token":false}"#,
            rest: template)
        #expect(configured.encode("a", addSpecial: true, parseSpecial: false) == [0])
        #expect(!configured.addsBOS && configured.bosID == 8)
    }

    @Test func chatTemplateComesFromItsFileOrTheConfiguration() throws {
        #expect(try Self.make(added: "").chatTemplate == nil)
        #expect(try Self.make(added: "", config: #"{"chat_template":"T"}"#).chatTemplate == "T")
        #expect(try Self.make(added: "", config: #"{"chat_template":"T"}"#, chatTemplate: "F").chatTemplate == "F")
        let named = #"{"chat_template":[{"name":"tool","template":"A"},{"name":"default","template":"B"}]}"#
        #expect(try Self.make(added: "", config: named).chatTemplate == "B")
        let other = #"{"chat_template":[{"name":"tool","template":"A"},{"name":"rag","template":"B"}]}"#
        #expect(try Self.make(added: "", config: other).chatTemplate == "A")
        #expect(throws: TokenizerError.self) { try Self.make(added: "", config: #"{"chat_template":7}"#) }
    }

    @Test func ggufKeysDecideAboutBOSAndEOS() throws {
        var vocabulary = GGUFVocabulary(model: "gpt2", pieces: ["a", "<s>", "</s>", "<|eot_id|>"])
        vocabulary.kinds = [.normal, .control, .control, .normal]
        vocabulary.specialIDs = ["bos": 1, "eos": 2]
        vocabulary.preTokenizer = "gpt-2"
        vocabulary.chatTemplate = "T"
        func ids(_ bos: Bool?, _ eos: Bool?, pre: String = "gpt-2") throws -> [Int32] {
            vocabulary.addsBOS = bos
            vocabulary.addsEOS = eos
            vocabulary.preTokenizer = pre
            let tokenizer = try makeTokenizer(from: .gguf(vocabulary), vocabularySize: nil)
            #expect(tokenizer.chatTemplate == "T" && tokenizer.endIDs == [2, 3] && tokenizer.isControl(3))
            return tokenizer.encode("a", addSpecial: true, parseSpecial: false)
        }
        #expect(try ids(nil, nil) == [0])
        #expect(try ids(true, true) == [1, 0, 2])
        #expect(try ids(false, false, pre: "llama-bpe") == [0])
        #expect(try ids(nil, nil, pre: "llama-bpe") == [1, 0])
    }

    @Test func sentencePieceOfAGGUFPutsASpaceUnlessToldOtherwise() throws {
        var vocabulary = GGUFVocabulary(model: "llama", pieces: ["<unk>", "<s>", "</s>", "\u{2581}", "a", "\u{2581}a"])
        vocabulary.scores = [0, 0, 0, -1, -2, -3]
        vocabulary.kinds = [.unknown, .control, .control, .normal, .normal, .normal]
        let plain = try makeTokenizer(from: .gguf(vocabulary), vocabularySize: nil)
        #expect(plain.encode("a", addSpecial: true, parseSpecial: true) == [1, 5])
        // After a control token as well, as llama.cpp does.
        #expect(plain.encode("a</s>a", addSpecial: true, parseSpecial: true) == [1, 5, 2, 5])
        #expect(plain.encode("", addSpecial: true, parseSpecial: true) == [1])
        #expect(plain.stripsLeadingSpace && plain.decode([1, 5, 5]) == "a a")
        vocabulary.addsSpacePrefix = false
        let bare = try makeTokenizer(from: .gguf(vocabulary), vocabularySize: nil)
        #expect(bare.encode("a a", addSpecial: true, parseSpecial: true) == [1, 4, 5])
        #expect(!bare.stripsLeadingSpace && bare.decode([5]) == " a")
    }
}
