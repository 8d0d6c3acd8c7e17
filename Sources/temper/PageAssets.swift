// SPDX-License-Identifier: Apache-2.0

import HTTPServing
import HTTPTypes
import Logging

/// The files of the page.
enum PageAssets {
    /// What answers for the page; nil if there is no folder for it.
    ///
    /// - Throws: a ``Failure`` if a folder that was asked for cannot be read.
    static func load(
        _ settings: ServeSettings, _ logger: Logger
    ) throws -> (@Sendable (HTTPServerRequest) -> HTTPAnswer?)? {
        guard let folder = settings.publicFolder else { return nil }
        do throws(HTTPServerError) {
            let assets = try StaticAssets(folder: folder)
            return { assets.answer(to: $0) }
        } catch {
            if settings.publicIsExplicit { throw Failure("\(error)") }
            logger.warning("no page", metadata: ["reason": .string("\(error)")])
            return nil
        }
    }
}
