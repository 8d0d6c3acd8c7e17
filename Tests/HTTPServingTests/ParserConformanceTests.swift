// SPDX-License-Identifier: Apache-2.0

import HTTPServing
import Testing

@Suite struct ParserConformanceTests {
    @Test(arguments: ParserCases.requestLines) func `request lines`(_ test: ParserCase) { check(test) }
    @Test(arguments: ParserCases.targets) func `request targets`(_ test: ParserCase) { check(test) }
    @Test(arguments: ParserCases.hosts) func `Host`(_ test: ParserCase) { check(test) }
    @Test(arguments: ParserCases.fieldLines) func `field lines`(_ test: ParserCase) { check(test) }
    @Test(arguments: ParserCases.lengths) func `Content-Length`(_ test: ParserCase) { check(test) }
    @Test(arguments: ParserCases.codings) func `Transfer-Encoding`(_ test: ParserCase) { check(test) }
    @Test(arguments: ParserCases.chunks) func `chunked bodies`(_ test: ParserCase) { check(test) }
    @Test(arguments: ParserCases.trailers) func `trailers`(_ test: ParserCase) { check(test) }
    @Test(arguments: ParserCases.connections) func `persistence and pipelining`(_ test: ParserCase) { check(test) }
    @Test(arguments: ParserCases.semantics) func `expectations, methods and codings`(_ test: ParserCase) { check(test) }

    @Test func `there are at least 150 cases`() {
        let tables = [
            ParserCases.requestLines, ParserCases.targets, ParserCases.hosts, ParserCases.fieldLines,
            ParserCases.lengths, ParserCases.codings, ParserCases.chunks,
            ParserCases.trailers, ParserCases.connections, ParserCases.semantics,
        ]
        let cases = tables.flatMap { $0 }
        #expect(cases.count >= 150)
        #expect(Set(cases.map(\.name)).count == cases.count, "names are unique")
    }
}
