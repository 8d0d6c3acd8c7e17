import Testing
@testable import Architectures
