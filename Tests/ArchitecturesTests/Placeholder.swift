import Testing
import Architectures
