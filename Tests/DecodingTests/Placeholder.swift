import Testing
import Decoding
