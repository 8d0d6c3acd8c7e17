// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

/// Strict Swift 6 for every target of ours: a warning is an error.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

/// Tests import as they please, all else is as strict.
let testing: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

func module(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: testing)
}

let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

let database: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")

let serviceDependencies: [Target.Dependency] = [
    "HTTPServing", "Engine", "Prompting", "Evaluation", "Tokenizers", "Constraints", "Decoding", "Checkpoints",
    "Compute", "StrictJSON", httpTypes, logging,
]

let package = Package(
    name: "Temper",
    products: [
        .executable(name: "temper", targets: ["temper"]),
        .library(name: "TemperEngine", targets: ["Engine", "Prompting"]),
        .library(name: "TemperService", targets: ["Service"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    ],
    targets: [
        .target(name: "CNative", cSettings: [.define("_GNU_SOURCE")]),
        module("StrictJSON", []),
        module("Compute", ["CNative"]),
        module("Checkpoints", ["Compute", "StrictJSON"]),
        module("Tokenizers", ["Checkpoints", "StrictJSON"]),
        module("Constraints", ["StrictJSON"]),
        module("Decoding", ["Constraints"]),
        module("Evaluation", []),
        module("Architectures", ["Compute", "Checkpoints"]),
        module("Prompting", ["StrictJSON", "Tokenizers"]),
        module("Engine", ["Architectures", "CNative", "Checkpoints", "Compute", "Decoding", "Tokenizers"]),
        module("Training", ["Architectures", "Tokenizers", "CNative", "Checkpoints", "Compute", "StrictJSON"]),
        module("HTTPServing", ["CNative", httpTypes]),
        module("Service", serviceDependencies + [database]),
        .executableTarget(
            name: "temper",
            dependencies: [
                "Service", "HTTPServing", "Engine", "Prompting", "Evaluation", "Training", "Tokenizers", "Decoding",
                "Checkpoints", "Compute", "StrictJSON", httpTypes, arguments, logging,
            ],
            swiftSettings: strict),

        tests("StrictJSONTests", ["StrictJSON"]),
        tests("ComputeTests", ["Compute", "CNative"]),
        tests("CheckpointsTests", ["Checkpoints", "Compute", "StrictJSON"]),
        tests("TokenizersTests", ["Tokenizers", "Checkpoints", "StrictJSON"]),
        tests("ConstraintsTests", ["Constraints", "StrictJSON"]),
        tests("DecodingTests", ["Decoding", "Constraints"]),
        tests("EvaluationTests", ["Evaluation"]),
        tests("ArchitecturesTests", ["Architectures", "Checkpoints", "Compute", "StrictJSON"]),
        tests("PromptingTests", ["Prompting", "StrictJSON", "Tokenizers"]),
        tests(
            "EngineTests",
            [
                "Engine", "StrictJSON", "Architectures", "Checkpoints", "Compute", "Constraints", "Decoding",
                "Tokenizers",
            ]),
        tests(
            "TrainingTests",
            ["Training", "Architectures", "CNative", "Checkpoints", "Compute", "StrictJSON", "Tokenizers"]),
        tests("HTTPServingTests", ["HTTPServing", httpTypes]),
        tests("ServiceTests", serviceDependencies + ["Service"]),
    ],
    cLanguageStandard: .c17
)
