// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Decoding
import Engine
import StrictJSON
import Tokenizers

/// `POST /v1/watermark/detect`: whether a text carries the mark of the field `watermark`.
enum WatermarkRoute {
    /// The answer; nil if `isWanted` said meanwhile that it is not.
    static func detect(
        _ values: FieldValues, model: ModelInfo, warnings: [RequestWarning], isWanted: () -> Bool
    ) throws(APIError) -> [UInt8]? {
        var (ids, param) = try ids(values, model.tokenizer)
        if let start = model.tokenizer.bosID, ids.first == start { ids.removeFirst() }
        let detector = WatermarkDetector(
            values[RequestFields.watermark] ?? WatermarkParameters(), vocabularySize: model.config.vocabularySize)
        let work = detector.work(ids)
        guard work <= WatermarkDetector.workLimit else {
            throw .invalidValue(
                param: param,
                reason: "its different tokens times the vocabulary are \(work), at most "
                    + "\(WatermarkDetector.workLimit) are allowed: ask for parts of it")
        }
        let ignoresRepetitions = values[RequestFields.ignoresRepetitions]
        guard ids.count > 1 else {
            throw .invalidValue(param: param, reason: "a text of one token has none that follows another")
        }
        guard let report = detector.detect(ids, ignoresRepetitions: ignoresRepetitions, isWanted: isWanted) else {
            return nil
        }
        var writer = JSONWriter(reservingCapacity: 256)
        writer.object { object in
            object.member("object", "watermark.detection")
            object.member("model", model.id)
            object.member("num_tokens_scored", report.scoredCount)
            object.member("num_green_tokens", report.greenCount)
            object.member("green_fraction", Double(report.greenCount) / Double(report.scoredCount))
            object.member("z_score", report.zScore)
            object.member("p_value", report.pValue)
            object.member("prediction", report.zScore > Double(values[RequestFields.zThreshold]))
            object.member("confidence", 1 - report.pValue)
            if !warnings.isEmpty {
                object.member("warnings", array: { array in for warning in warnings { warning.write(to: &array) } })
            }
        }
        return writer.bytes
    }

    private static func ids(
        _ values: FieldValues, _ tokenizer: any Tokenizer
    ) throws(APIError) -> (ids: [Int32], param: String) {
        if let ids = values[RequestFields.detectedTokens] {
            if values.has(RequestFields.detectedText) { throw .conflict(param: "text", other: "tokens") }
            return (ids, "tokens")
        }
        guard let text = values[RequestFields.detectedText] else { throw .missing(param: "text") }
        return (tokenizer.encode(text, addSpecial: false, parseSpecial: false), "text")
    }
}
