// SPDX-License-Identifier: Apache-2.0

/// Blocks of 256 numbers in groups that have scales of their own, as ggml's reference makes them: the scale (and
/// minimum) of a group is searched for, so that the weighted squares of its errors are least.
enum SuperblockQuantization {
    /// Q4_K: a binary16 scale and minimum, 6-bit scales and minima of eight groups of 32, 128 bytes of two 4-bit numbers.
    static func q4_K(_ x: UnsafePointer<Float>, to block: UnsafeMutableRawPointer) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 256) { numbers in
            guard let numbers = numbers.baseAddress else { return }
            quantize(x, limit: 15, firstOffset: -1, steps: 20, head: block, numbers: numbers)
            storeHalves(numbers, to: block + 16)
        }
    }

    /// Q5_K: as Q4_K; the fifth bits of all numbers stand before the halves.
    static func q5_K(_ x: UnsafePointer<Float>, to block: UnsafeMutableRawPointer) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 256) { numbers in
            guard let numbers = numbers.baseAddress else { return }
            quantize(x, limit: 31, firstOffset: -0.5, steps: 15, head: block, numbers: numbers)
            for column in 0..<32 {
                var bits: UInt8 = 0
                for group in 0..<8 { bits |= (numbers[32 * group + column] >> 4) << UInt8(group) }
                block.storeBytes(of: bits, toByteOffset: 16 + column, as: UInt8.self)
            }
            storeHalves(numbers, to: block + 48)
        }
    }

    /// Q6_K: 128 bytes of low halves, 64 bytes of upper two bits, signed scales of sixteen groups of 16, a binary16
    /// scale.
    static func q6_K(_ x: UnsafePointer<Float>, to block: UnsafeMutableRawPointer) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 256) { numbers in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: 16) { scales in
                guard let numbers = numbers.baseAddress else { return }
                var extreme: Float = 0
                for group in 0..<16 {
                    scales[group] = symmetricScale(x + 16 * group)
                    if abs(scales[group]) > abs(extreme) { extreme = scales[group] }
                }
                let inverse = abs(extreme) < negligible ? 0 : -128 / extreme
                let scale = Float16(inverse == 0 ? 0 : 1 / inverse)
                block.storeBytes(of: scale.bitPattern.littleEndian, toByteOffset: 208, as: UInt16.self)
                for group in 0..<16 {
                    let groupScale = Int8(nearest(inverse * scales[group], -128, 127))
                    block.storeBytes(of: groupScale, toByteOffset: 192 + group, as: Int8.self)
                    let step = Float(scale) * Float(groupScale)
                    for index in 16 * group..<16 * (group + 1) {
                        numbers[index] = step == 0 ? 0 : UInt8(nearest(x[index] / step, -32, 31) + 32)
                    }
                }
                storeSixBits(numbers, to: block)
            }
        }
    }

    // MARK: Groups with a minimum

    /// Writes scale, minimum and packed scales and minima to `head`, and what the numbers are in units of them.
    private static func quantize(
        _ x: UnsafePointer<Float>, limit: Float, firstOffset: Float, steps: Int, head: UnsafeMutableRawPointer,
        numbers: UnsafeMutablePointer<UInt8>
    ) {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 16) { fitted in
            var (greatestScale, greatestMinimum): (Float, Float) = (0, 0)
            for group in 0..<8 {
                let fit = fit(x + 32 * group, limit: limit, firstOffset: firstOffset, steps: steps)
                (fitted[group], fitted[8 + group]) = (fit.scale, fit.minimum)
                greatestScale = max(greatestScale, fit.scale)
                greatestMinimum = max(greatestMinimum, fit.minimum)
            }
            let (scale, minimum) = (Float16(greatestScale / 63), Float16(greatestMinimum / 63))
            head.storeBytes(of: scale.bitPattern.littleEndian, as: UInt16.self)
            head.storeBytes(of: minimum.bitPattern.littleEndian, toByteOffset: 2, as: UInt16.self)
            let packed = (head + 4).assumingMemoryBound(to: UInt8.self)
            for index in 0..<12 { packed[index] = 0 }
            for group in 0..<8 {
                let part = greatestScale > 0 ? nearest(63 / greatestScale * fitted[group], 0, 63) : 0
                let offset = greatestMinimum > 0 ? nearest(63 / greatestMinimum * fitted[8 + group], 0, 63) : 0
                pack(UInt8(part), UInt8(offset), group, to: packed)
                let (step, least) = (Float(scale) * Float(part), Float(minimum) * Float(offset))
                for index in 32 * group..<32 * (group + 1) {
                    numbers[index] = step == 0 ? 0 : UInt8(nearest((x[index] + least) / step, 0, limit))
                }
            }
        }
    }

    /// The scale and the minimum, not negative, for which scale · q - minimum with q in 0...limit comes closest to 32
    /// numbers. Errors count by the number's own magnitude and the root of the mean square.
    ///
    /// Numbers are rounded for `steps` + 1 ranges, limit + firstOffset units wide and each 0.1 wider; for what comes of
    /// each, the least squares are solved. A better solution's minimum is where the next range starts.
    private static func fit(
        _ x: UnsafePointer<Float>, limit: Float, firstOffset: Float, steps: Int
    ) -> (scale: Float, minimum: Float) {
        var squares: Float = 0
        var (start, high) = (min(x[0], 0), x[0])
        for index in 0..<32 {
            squares += x[index] * x[index]
            start = min(start, x[index])
            high = max(high, x[index])
        }
        guard high > start else { return (0, 0 - start) }
        let spread = (squares / 32).squareRoot()
        var (sumW, sumX): (Float, Float) = (0, 0)
        for index in 0..<32 {
            let weight = spread + abs(x[index])
            sumW += weight
            sumX += weight * x[index]
        }
        /// The error of scale · q + offset, with q rounded on the present range in units of 1 / width.
        func error(_ scale: Float, _ offset: Float, width: Float) -> Float {
            var sum: Float = 0
            for index in 0..<32 {
                let q = Float(nearest(width * (x[index] - start), 0, limit))
                let difference = scale * q + offset - x[index]
                sum += (spread + abs(x[index])) * difference * difference
            }
            return sum
        }
        var scale = 1 / (limit / (high - start))
        var least = error(scale, start, width: limit / (high - start))
        for step in 0...steps {
            let width = (firstOffset + 0.1 * Float(step) + limit) / (high - start)
            var (sumQ, sumQQ, sumXQ): (Float, Float, Float) = (0, 0, 0)
            for index in 0..<32 {
                let q = Float(nearest(width * (x[index] - start), 0, limit))
                let weighted = (spread + abs(x[index])) * q
                sumQ += weighted
                sumQQ += weighted * q
                sumXQ += weighted * x[index]
            }
            let determinant = sumW * sumQQ - sumQ * sumQ
            guard determinant > 0 else { continue }
            var newScale = (sumW * sumXQ - sumX * sumQ) / determinant
            var newStart = (sumQQ * sumX - sumQ * sumXQ) / determinant
            if newStart > 0 { (newScale, newStart) = (sumXQ / sumQQ, 0) }
            let found = error(newScale, newStart, width: width)
            if found < least { (least, scale, start) = (found, newScale, newStart) }
        }
        return (scale, 0 - start)
    }

    /// Places a group's 6-bit scale and minimum: of groups 4 to 7, the upper two bits stand above those of groups 0 to 3.
    private static func pack(_ scale: UInt8, _ minimum: UInt8, _ group: Int, to packed: UnsafeMutablePointer<UInt8>) {
        if group < 4 {
            packed[group] = scale
            packed[group + 4] = minimum
        } else {
            packed[group + 4] = scale & 15 | (minimum & 15) << 4
            packed[group - 4] |= (scale >> 4) << 6
            packed[group] |= (minimum >> 4) << 6
        }
    }

    /// Of each 64 numbers, the low halves of the first 32 in the low halves of 32 bytes, of the others in the high ones.
    private static func storeHalves(_ numbers: UnsafePointer<UInt8>, to bytes: UnsafeMutableRawPointer) {
        for index in 0..<128 {
            let low = numbers[index / 32 * 64 + index % 32]
            let high = numbers[index / 32 * 64 + index % 32 + 32]
            bytes.storeBytes(of: low & 15 | (high & 15) << 4, toByteOffset: index, as: UInt8.self)
        }
    }

    // MARK: Groups without one

    /// The scale for which scale · q with q in -32...31 comes closest to 16 numbers; errors count by the number's square.
    private static func symmetricScale(_ x: UnsafePointer<Float>) -> Float {
        var extreme: Float = 0
        for index in 0..<16 where abs(x[index]) > abs(extreme) { extreme = x[index] }
        guard abs(extreme) >= negligible else { return 0 }
        var (scale, best): (Float, Float) = (0, 0)
        // The plain range first: another must be better, not as good.
        for step in [0, -9, -8, -7, -6, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 6, 7, 8, 9] as [Float] {
            let inverse = -(32 + 0.1 * step) / extreme
            var (sumXQ, sumQQ): (Float, Float) = (0, 0)
            for index in 0..<16 {
                let q = Float(nearest(inverse * x[index], -32, 31))
                let weighted = x[index] * x[index] * q
                sumXQ += weighted * x[index]
                sumQQ += weighted * q
            }
            if sumQQ > 0, step == 0 || sumXQ * sumXQ > best * sumQQ {
                scale = sumXQ / sumQQ
                best = scale * sumXQ
            }
        }
        return scale
    }

    /// Of each 128 numbers, 64 bytes of low halves (of 0 to 63 below those of 64 to 127) and 32 bytes of the upper two
    /// bits of numbers 32 apart.
    private static func storeSixBits(_ numbers: UnsafePointer<UInt8>, to bytes: UnsafeMutableRawPointer) {
        for half in 0..<2 {
            let source = numbers + 128 * half
            for index in 0..<64 {
                let byte = source[index] & 15 | (source[index + 64] & 15) << 4
                bytes.storeBytes(of: byte, toByteOffset: 64 * half + index, as: UInt8.self)
            }
            for index in 0..<32 {
                var byte: UInt8 = 0
                for part in 0..<4 { byte |= (source[32 * part + index] >> 4) << UInt8(2 * part) }
                bytes.storeBytes(of: byte, toByteOffset: 128 + 32 * half + index, as: UInt8.self)
            }
        }
    }

    /// Below this, a group counts as zero.
    private static let negligible: Float = 1e-15

    /// `value` within the bounds, rounded to nearest, ties to even: the sum's last place is worth 1.
    @inline(__always)
    private static func nearest(_ value: Float, _ least: Float, _ most: Float) -> Int32 {
        let shifted = max(least, min(most, value)) + 12_582_912
        return Int32(bitPattern: shifted.bitPattern & 0x7F_FFFF) - 0x40_0000
    }
}
