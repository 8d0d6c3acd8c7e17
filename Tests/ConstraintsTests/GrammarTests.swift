// SPDX-License-Identifier: Apache-2.0

import Constraints
import Testing

@Suite("Grammars in GBNF")
struct GrammarTests {
    struct Case: Sendable {
        var grammar: String
        var accept: [String]
        var reject: [String]
    }

    static let cases = [
        Case(grammar: "root ::= \"yes\" | \"no\"", accept: ["yes", "no"], reject: ["", "y", "yesno"]),
        Case(
            grammar: """
                # arithmetic
                root  ::= (expr "=" ws term "\\n")+
                expr  ::= term ([-+*/] term)*
                term  ::= ident | num | "(" ws expr ")" ws
                ident ::= [a-z] [a-z0-9_]* ws
                num   ::= [0-9]+ ws
                ws    ::= [ \\t\\n]*
                """,
            accept: ["a+1=2\n", "(x*(y-1)) =z\n1=1\n"], reject: ["a+=2\n", "(a=1\n", "a=1"]),
        Case(
            grammar: """
                root ::= "a" (
                    "b" |
                    # in between
                    "c"
                ) tail
                tail ::= "d"{2} "e"{1,} "f"{0,2}
                """,
            accept: ["abdde", "acddeeff"], reject: ["abde", "abdd", "abddefff"]),
        Case(
            grammar: "root ::= [^\\n\\]-]+ | \".\" . | [\\x41-\\x43\\u00e9\\U0001F600]\"!\"",
            accept: ["abc", "..", ".\n", "A!", "é!", "😀!"], reject: ["-", "]", "a\n", "\n!"]),
        Case(
            grammar: "root ::= \"\" | \"[\" root \"]\" root", accept: ["", "[]", "[[][]][]"], reject: ["[", "]", "[]]"]),
        Case(
            grammar: "root ::= s\r\ns ::= \"\\\"\" [^\"\\\\]* \"\\\"\"\r\n", accept: ["\"a b\""], reject: ["\"", "a"]),
        Case(
            grammar: "root ::= a-rule b_rule?\na-rule ::= \"a\"\nb_rule ::= a-rule a-rule", accept: ["a", "aaa"],
            reject: ["aa"]),
    ]

    @Test("generate their texts and no others", arguments: cases)
    func generates(_ item: Case) throws {
        let constraint = try TokenConstraint(.gbnf(item.grammar))
        for text in item.accept { #expect(try constraint.accepts(text), "\(text.debugDescription)") }
        for text in item.reject { #expect(try !constraint.accepts(text), "\(text.debugDescription)") }
    }

    static let faults: [(String, String)] = [
        ("", "the rule root is not defined"), ("a ::= \"b\"", "the rule root is not defined"),
        ("root ::= a", "the rule a is not defined at character 9"), ("root ::= \"a", "nothing closes this quotation"),
        ("root ::= [a", "nothing closes this bracket"), ("root ::= (\"a\"", "nothing closes this parenthesis"),
        ("root ::= \"a\" )", "the end of the rule"), ("root \"a\"", "::= is expected"), ("root ::= *", "is expected"),
        ("root ::= \"a\"**", "needs a group"), ("root ::= \"a\"{3,2}", "wrong order"),
        ("root ::= \"a\"{b}", "is expected"),
        ("root ::= \"\\q\"", "no such escape"), ("root ::= [z-a]", "the range is empty"),
        ("root ::= \"a\"\nroot ::= \"b\"", "defined twice"), ("root ::= <[7]>", "tokens are not supported"),
        ("root ::= root \"a\" | \"a\"", "root is left-recursive"),
        ("root ::= a\na ::= \"x\"? b \"y\"\nb ::= a | \"z\"", "left-recursive"),
        ("root ::= \"a\" root", "no text satisfies it"), ("root ::= \"a\"{2000000}", "more than 1000000 repetitions"),
        ("root ::= \"\\xZZ\"", "2 hexadecimal digits"), ("root ::= \"\\uD800\"", "no such character"),
        ("root ::= (\"a\"?){300}", "may be empty"),
    ]

    @Test("at fault are refused with the reason", arguments: faults)
    func refuses(_ grammar: String, _ reason: String) {
        let error = #expect(throws: ConstraintError.self) {
            try TokenConstraint(ConstraintSource.gbnf(grammar), Vocabularies.bytes)
        }
        #expect("\(error.map { "\($0)" } ?? "")".contains(reason), "\(error.map { "\($0)" } ?? "")")
    }
}

@Suite("Regular expressions")
struct RegularExpressionTests {
    static let faults: [(String, String)] = [
        ("(", "nothing closes"), (")", "nothing opens"), ("[a", "nothing closes"), ("a**", "needs a group"),
        ("*a", "nothing to repeat"), ("{2}", "nothing to repeat"), ("a{3,2}", "wrong order"), ("a++", "possessive"),
        ("(?=a)b", "lookaround"), ("(?<!a)b", "lookaround"), ("(?i)a", "lookaround, flags"),
        ("(a)\\1", "backreferences"),
        ("\\bword", "word boundaries"), ("a^b", "an anchor"), ("(^a)", "an anchor"), ("a$b", "an anchor"),
        ("\\p{L}", "property"),
        ("\\q", "no such escape"), ("[z-a]", "the range is empty"), ("[\\w-z]", "a class cannot begin"),
        ("a\\", "backslash"),
        ("[a-\\d]", "a class cannot end"), ("a{9999999}", "1000000 repetitions"), ("\\ud800", "no such character"),
        ("(a*){1,300}", "may be empty"), ("[^\\s\\S]", "no text satisfies"),
        (String(repeating: "(", count: 100) + String(repeating: ")", count: 100), "groups within groups"),
    ]

    @Test("at fault are refused with the reason", arguments: faults)
    func refuses(_ text: String, _ reason: String) {
        let error = #expect(throws: ConstraintError.self) {
            try TokenConstraint(ConstraintSource.regex(text), Vocabularies.bytes)
        }
        #expect("\(error.map { "\($0)" } ?? "")".contains(reason), "\(error.map { "\($0)" } ?? "")")
    }

    @Test("of texts that no memory could hold are refused or followed at once")
    func bombs() throws {
        let bombs: [ConstraintSource] = [
            .regex("((((((a{100}){100}){100}){100}){100}){100})"),
            .regex(String(repeating: "(a|b|ab)*", count: 5000) + "c"),
            .regex("(x+x+)+y"), .regex("[ab]*a[ab]{1000}"), .regex("(\\w{1,500}){1,500}"),
            .regex(String(repeating: "[^\\x00-\\uffff]", count: 20_000)),
            .choice((0..<1024).map { String(repeating: "a", count: 4000) + "\($0)" }),
            .gbnf(
                "root ::= " + (0..<4000).map { "r\($0)" }.joined(separator: " ")
                    + (0..<4000).map { "\nr\($0) ::= \"a\"? r\(($0 + 1) % 4000) | \"b\"" }.joined()),
            .gbnf("root ::= a a a a\na ::= b b b b\nb ::= c c c c\nc ::= d d d d\nd ::= \"x\"? \"y\"? \"z\"?"),
        ]
        let clock = ContinuousClock()
        for bomb in bombs {
            var outcome = "allowed"
            let time = clock.measure {
                do throws(ConstraintError) {
                    let constraint = try TokenConstraint(bomb, Vocabularies.mixed)
                    var follower = ConstraintFollower(constraint)
                    for _ in 0..<20 {
                        _ = try follower.allowedTokens()
                        follower.accept(0x61)
                    }
                } catch {
                    outcome = "\(error)"
                }
            }
            // 200 ms are promised on a machine that does nothing else; tests share theirs.
            #expect(time < .seconds(2), "\("\(bomb)".prefix(60)): \(outcome)")
        }
    }
}
