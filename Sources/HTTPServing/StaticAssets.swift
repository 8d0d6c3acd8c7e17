// SPDX-License-Identifier: Apache-2.0

import Glibc
import HTTPTypes

/// The files of a folder, held in memory from the start, so that no request ever touches the file system.
///
///     let assets = try StaticAssets(folder: "Public")
///     if let (head, body) = assets.answer(to: request) { responder.send(head, body: body) }
///
/// Files are found by their path below the folder; a folder's `index.html` also by the folder's own path with a slash
/// at its end. Links, names that begin with a dot, and extensions that are not listed are left out.
public struct StaticAssets: Sendable {
    /// What may be loaded.
    public struct Limits: Sendable, Hashable {
        /// Largest file, in bytes.
        public var fileBytes = 4 * 1024 * 1024
        /// All files together, in bytes.
        public var totalBytes = 32 * 1024 * 1024
        /// Number of files.
        public var fileCount = 1_000
        /// Folders within folders.
        public var depth = 8

        /// The defaults.
        public init() {}
    }

    private struct Asset: Sendable {
        var contentType: String
        var entityTag: String
        var body: [UInt8]
    }

    private static let contentTypes: [String: String] = [
        "html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8",
        "js": "text/javascript; charset=utf-8", "mjs": "text/javascript; charset=utf-8",
        "json": "application/json", "webmanifest": "application/manifest+json", "svg": "image/svg+xml",
        "png": "image/png", "jpg": "image/jpeg", "webp": "image/webp", "gif": "image/gif", "ico": "image/x-icon",
        "woff2": "font/woff2", "txt": "text/plain; charset=utf-8", "md": "text/markdown; charset=utf-8",
    ]

    private static let referrerPolicy = HTTPField.Name("Referrer-Policy")

    private var assets: [String: Asset] = [:]

    /// The paths that are answered, sorted.
    public var paths: [String] { assets.keys.sorted() }

    /// Loads the folder. Throws `unreadableAsset` and `assetsTooLarge`.
    public init(folder: String, limits: Limits = Limits()) throws(HTTPServerError) {
        var loader = Loader(limits: limits)
        try loader.load(folder: folder, path: "/", depth: 0)
        for (path, body) in loader.files {
            guard let contentType = Self.contentType(of: path) else { continue }
            let asset = Asset(
                contentType: contentType, entityTag: "\"\(SHA256.hexDigest(of: body).prefix(32))\"", body: body)
            assets[path] = asset
            if path.hasSuffix("/index.html") { assets[String(path.dropLast("index.html".count))] = asset }
        }
    }

    fileprivate static func contentType(of name: String) -> String? {
        guard let dot = name.lastIndex(of: ".") else { return nil }
        return contentTypes[name[name.index(after: dot)...].lowercased()]
    }

    /// The answer to a request for an asset: 200, 304 for a matching If-None-Match, 204 with Allow for OPTIONS, 405 for
    /// other methods than these and HEAD; nil if the path is not one of the assets.
    public func answer(to request: HTTPServerRequest) -> HTTPAnswer? {
        guard let asset = assets[request.path] else { return nil }
        let allow: HTTPFields = [.allow: "GET, HEAD, OPTIONS"]
        switch request.head.method {
        case .get, .head: break
        case .options: return (HTTPResponse(status: .noContent, headerFields: allow), [])
        default:
            return HTTPRejection(
                .methodNotAllowed, code: "method_not_allowed", "Only GET and HEAD are allowed here.", closes: false,
                fields: allow
            ).response()
        }
        var fields: HTTPFields = [
            .eTag: asset.entityTag,
            // Kept, but asked about each time: the answer is a 304 of a few bytes.
            .cacheControl: "no-cache",
            .contentSecurityPolicy: "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
            .xContentTypeOptions: "nosniff",
        ]
        if let name = Self.referrerPolicy { fields[name] = "no-referrer" }
        if Self.matches(request.head.headerFields[values: .ifNoneMatch], asset.entityTag) {
            return (HTTPResponse(status: .notModified, headerFields: fields), [])
        }
        fields[.contentType] = asset.contentType
        return (HTTPResponse(status: .ok, headerFields: fields), asset.body)
    }

    /// Weak comparison, as If-None-Match wants it (RFC 9110, section 13.1.2). Our tags hold no comma.
    private static func matches(_ values: [String], _ entityTag: String) -> Bool {
        values.contains { value in
            Array(value.utf8).listElements.contains { element in
                let tag = element.starts(with: "W/".utf8) ? element.dropFirst(2) : element[element.startIndex...]
                return tag.elementsEqual("*".utf8) || tag.elementsEqual(entityTag.utf8)
            }
        }
    }
}

/// Reads the files of a folder and of the folders within.
private struct Loader {
    let limits: StaticAssets.Limits
    var files: [(path: String, body: [UInt8])] = []
    private var totalBytes = 0

    init(limits: StaticAssets.Limits) { self.limits = limits }

    mutating func load(folder: String, path: String, depth: Int) throws(HTTPServerError) {
        guard depth <= limits.depth else { throw .assetsTooLarge(path: folder, limit: "\(limits.depth) folders") }
        guard let stream = opendir(folder) else {
            throw .unreadableAsset(path: folder, reason: HTTPServerError.reason())
        }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard !name.hasPrefix("."), !name.utf8.contains(UInt8(ascii: "\\")) else { continue }
            let full = folder + "/" + name
            var status = stat()
            guard lstat(full, &status) == 0 else {
                throw .unreadableAsset(path: full, reason: HTTPServerError.reason())
            }
            switch status.st_mode & S_IFMT {
            case S_IFDIR: try load(folder: full, path: path + name + "/", depth: depth + 1)
            case S_IFREG where StaticAssets.contentType(of: name) != nil: try load(file: full, path: path + name)
            default: continue
            }
        }
    }

    private mutating func load(file: String, path: String) throws(HTTPServerError) {
        guard files.count < limits.fileCount else {
            throw .assetsTooLarge(path: file, limit: "\(limits.fileCount) files")
        }
        let descriptor = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { throw .unreadableAsset(path: file, reason: HTTPServerError.reason()) }
        defer { close(descriptor) }
        var body: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = read(descriptor, &piece, piece.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw .unreadableAsset(path: file, reason: HTTPServerError.reason()) }
            if count == 0 { break }
            guard body.count + count <= limits.fileBytes else {
                throw .assetsTooLarge(path: file, limit: "\(limits.fileBytes) bytes for a file")
            }
            body.append(contentsOf: piece[..<count])
        }
        totalBytes += body.count
        guard totalBytes <= limits.totalBytes else {
            throw .assetsTooLarge(path: file, limit: "\(limits.totalBytes) bytes for all files")
        }
        files.append((path, body))
    }
}
