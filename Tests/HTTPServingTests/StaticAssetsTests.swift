// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPServing
import HTTPTypes
import Testing

@Suite struct StaticAssetsTests {
    /// A folder of small files, removed when the test ends.
    private final class Folder {
        let path: String

        init(_ files: [String: String]) throws {
            path = NSTemporaryDirectory() + "temper-assets-\(UUID().uuidString)"
            for (name, text) in files {
                let file = URL(filePath: path).appending(path: name)
                try FileManager.default.createDirectory(
                    at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
                try Data(text.utf8).write(to: file)
            }
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }
    }

    private func request(
        _ path: String, _ method: HTTPRequest.Method = .get, ifNoneMatch: String? = nil
    ) -> HTTPServerRequest {
        var head = HTTPRequest(method: method, scheme: "http", authority: "localhost", path: path)
        head.headerFields[.ifNoneMatch] = ifNoneMatch
        return HTTPServerRequest(head: head, path: path)
    }

    @Test func `files are found by path, with type and guards`() throws {
        let folder = try Folder(["index.html": "<p>hi", "js/app.js": "1", "js/index.html": "js", "style.CSS": "a{}"])
        let assets = try StaticAssets(folder: folder.path)
        #expect(assets.paths == ["/", "/index.html", "/js/", "/js/app.js", "/js/index.html", "/style.CSS"])
        let (head, body) = try #require(assets.answer(to: request("/")))
        #expect(head.status == .ok)
        #expect(body.text == "<p>hi")
        #expect(head.headerFields[.contentType] == "text/html; charset=utf-8")
        #expect(head.headerFields[.contentSecurityPolicy]?.hasPrefix("default-src 'self'") == true)
        #expect(head.headerFields[.xContentTypeOptions] == "nosniff")
        #expect(head.headerFields[.cacheControl] != nil)
        #expect(
            assets.answer(to: request("/js/app.js"))?.head.headerFields[.contentType]?.hasPrefix("text/javascript")
                == true)
        #expect(assets.answer(to: request("/nothing.html")) == nil)
        #expect(assets.answer(to: request("/js")) == nil)
    }

    @Test func `an entity tag that matches is answered 304`() throws {
        let folder = try Folder(["a.txt": "a", "b.txt": "b"])
        let assets = try StaticAssets(folder: folder.path)
        let head = try #require(assets.answer(to: request("/a.txt"))).head
        let tag = try #require(head.headerFields[.eTag])
        #expect(tag.hasPrefix("\"") && tag.hasSuffix("\"") && tag.count == 34)
        #expect(assets.answer(to: request("/b.txt"))?.head.headerFields[.eTag] != tag)
        for value in [tag, "W/\(tag)", "\"x\", \(tag)", "*"] {
            let (head, body) = try #require(assets.answer(to: request("/a.txt", ifNoneMatch: value)))
            #expect(head.status == .notModified, "\(value)")
            #expect(head.headerFields[.eTag] == tag)
            #expect(body.isEmpty)
        }
        for value in ["\"x\"", tag.dropFirst().description, "", "W/"] {
            #expect(assets.answer(to: request("/a.txt", ifNoneMatch: value))?.head.status == .ok, "\(value)")
        }
    }

    @Test func `only GET and HEAD are allowed`() throws {
        let folder = try Folder(["a.txt": "a"])
        let assets = try StaticAssets(folder: folder.path)
        #expect(assets.answer(to: request("/a.txt", .head))?.head.status == .ok)
        let head = try #require(assets.answer(to: request("/a.txt", .post))).head
        #expect(head.status == .methodNotAllowed)
        let options = try #require(assets.answer(to: request("/a.txt", .options)))
        #expect(options.head.status == .noContent && options.head.headerFields[.allow] == "GET, HEAD, OPTIONS")
        #expect(head.headerFields[.allow] == "GET, HEAD, OPTIONS")
    }

    @Test func `links, hidden files and other extensions are left out`() throws {
        let folder = try Folder([".git/config.txt": "x", ".env.txt": "x", "key.pem": "x", "plain": "x", "ok.txt": "x"])
        let manager = FileManager.default
        try manager.createSymbolicLink(atPath: folder.path + "/link.txt", withDestinationPath: "/etc/hostname")
        try manager.createSymbolicLink(atPath: folder.path + "/etc", withDestinationPath: "/etc")
        #expect(try StaticAssets(folder: folder.path).paths == ["/ok.txt"])
    }

    @Test func `limits on size, sum, number and depth hold`() throws {
        let folder = try Folder(["a/b/c.txt": "12345", "d.txt": "12345"])
        func load(_ change: (inout StaticAssets.Limits) -> Void) throws -> Int {
            var limits = StaticAssets.Limits()
            change(&limits)
            return try StaticAssets(folder: folder.path, limits: limits).paths.count
        }
        #expect(try load { ($0.fileBytes, $0.totalBytes, $0.fileCount, $0.depth) = (5, 10, 2, 2) } == 2)
        #expect(throws: HTTPServerError.self) { try load { $0.fileBytes = 4 } }
        #expect(throws: HTTPServerError.self) { try load { $0.totalBytes = 9 } }
        #expect(throws: HTTPServerError.self) { try load { $0.fileCount = 1 } }
        #expect(throws: HTTPServerError.self) { try load { $0.depth = 1 } }
    }

    @Test func `a missing folder is an error`() {
        #expect(throws: HTTPServerError.self) { try StaticAssets(folder: "/nonexistent/folder") }
    }

    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
    ])
    func `SHA-256 gives the digests of FIPS 180`(_ text: String, _ digest: String) {
        #expect(SHA256.hexDigest(of: Array(text.utf8)) == digest)
    }

    @Test func `SHA-256 of a million letters`() {
        let digest = SHA256.hexDigest(of: [UInt8](repeating: 0x61, count: 1_000_000))
        #expect(digest == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }
}
