// SPDX-License-Identifier: Apache-2.0

/// A metadata value of a GGUF file.
public enum GGUFValue: Sendable, Equatable {
    /// Type 0.
    case uint8(UInt8)
    /// Type 1.
    case int8(Int8)
    /// Type 2.
    case uint16(UInt16)
    /// Type 3.
    case int16(Int16)
    /// Type 4.
    case uint32(UInt32)
    /// Type 5.
    case int32(Int32)
    /// Type 6.
    case float32(Float)
    /// Type 7.
    case bool(Bool)
    /// Type 8.
    case string(String)
    /// Type 9. Arrays of arrays are not read.
    case array(GGUFArray)
    /// Type 10.
    case uint64(UInt64)
    /// Type 11.
    case int64(Int64)
    /// Type 12.
    case float64(Double)

    /// The value if it is of an integer type and fits.
    public var integerValue: Int? {
        switch self {
        case .uint8(let value): Int(value)
        case .int8(let value): Int(value)
        case .uint16(let value): Int(value)
        case .int16(let value): Int(value)
        case .uint32(let value): Int(value)
        case .int32(let value): Int(value)
        case .uint64(let value): Int(exactly: value)
        case .int64(let value): Int(exactly: value)
        case .float32, .bool, .string, .array, .float64: nil
        }
    }

    /// The value if it is a number.
    public var doubleValue: Double? {
        switch self {
        case .float32(let value): Double(value)
        case .float64(let value): value
        default: integerValue.map(Double.init)
        }
    }

    /// The value if it is a string.
    public var stringValue: String? {
        guard case .string(let value) = self else { return nil }
        return value
    }

    /// The value if it is a boolean.
    public var boolValue: Bool? {
        guard case .bool(let value) = self else { return nil }
        return value
    }

    /// The value if it is an array.
    public var arrayValue: GGUFArray? {
        guard case .array(let value) = self else { return nil }
        return value
    }

    /// The name of the value's type in the GGUF specification.
    public var typeName: String {
        switch self {
        case .uint8: "UINT8"
        case .int8: "INT8"
        case .uint16: "UINT16"
        case .int16: "INT16"
        case .uint32: "UINT32"
        case .int32: "INT32"
        case .float32: "FLOAT32"
        case .bool: "BOOL"
        case .string: "STRING"
        case .array: "ARRAY"
        case .uint64: "UINT64"
        case .int64: "INT64"
        case .float64: "FLOAT64"
        }
    }
}

/// A metadata array of a GGUF file.
public enum GGUFArray: Sendable, Equatable {
    /// Of type 0.
    case uint8([UInt8])
    /// Of type 1.
    case int8([Int8])
    /// Of type 2.
    case uint16([UInt16])
    /// Of type 3.
    case int16([Int16])
    /// Of type 4.
    case uint32([UInt32])
    /// Of type 5.
    case int32([Int32])
    /// Of type 6.
    case float32([Float])
    /// Of type 7.
    case bool([Bool])
    /// Of type 8.
    case string([String])
    /// Of type 10.
    case uint64([UInt64])
    /// Of type 11.
    case int64([Int64])
    /// Of type 12.
    case float64([Double])

    /// The number of elements.
    public var count: Int {
        switch self {
        case .uint8(let values): values.count
        case .int8(let values): values.count
        case .uint16(let values): values.count
        case .int16(let values): values.count
        case .uint32(let values): values.count
        case .int32(let values): values.count
        case .float32(let values): values.count
        case .bool(let values): values.count
        case .string(let values): values.count
        case .uint64(let values): values.count
        case .int64(let values): values.count
        case .float64(let values): values.count
        }
    }

    /// The elements if they are of an integer type and all fit.
    public var integerValues: [Int]? {
        switch self {
        case .uint8(let values): values.map(Int.init)
        case .int8(let values): values.map(Int.init)
        case .uint16(let values): values.map(Int.init)
        case .int16(let values): values.map(Int.init)
        case .uint32(let values): values.map(Int.init)
        case .int32(let values): values.map(Int.init)
        case .uint64(let values): exact(values)
        case .int64(let values): exact(values)
        case .float32, .bool, .string, .float64: nil
        }
    }

    private func exact(_ values: [some FixedWidthInteger]) -> [Int]? {
        let integers = values.compactMap { Int(exactly: $0) }
        return integers.count == values.count ? integers : nil
    }

    /// The elements if they are strings.
    public var stringValues: [String]? {
        guard case .string(let values) = self else { return nil }
        return values
    }

    /// The elements if they are floats of 32 bits.
    public var floatValues: [Float]? {
        guard case .float32(let values) = self else { return nil }
        return values
    }

    /// The name of the element type in the GGUF specification.
    public var elementTypeName: String {
        switch self {
        case .uint8: "UINT8"
        case .int8: "INT8"
        case .uint16: "UINT16"
        case .int16: "INT16"
        case .uint32: "UINT32"
        case .int32: "INT32"
        case .float32: "FLOAT32"
        case .bool: "BOOL"
        case .string: "STRING"
        case .uint64: "UINT64"
        case .int64: "INT64"
        case .float64: "FLOAT64"
        }
    }
}

extension GGUFValue: CustomStringConvertible {
    /// The value for display: long texts are cut, arrays only counted.
    public var description: String {
        switch self {
        case .uint8(let value): "\(value)"
        case .int8(let value): "\(value)"
        case .uint16(let value): "\(value)"
        case .int16(let value): "\(value)"
        case .uint32(let value): "\(value)"
        case .int32(let value): "\(value)"
        case .float32(let value): "\(value)"
        case .bool(let value): "\(value)"
        case .string(let value): value.count > 200 ? value.prefix(200) + "…" : value
        case .array(let value): "\(value.count) × \(value.elementTypeName)"
        case .uint64(let value): "\(value)"
        case .int64(let value): "\(value)"
        case .float64(let value): "\(value)"
        }
    }
}
