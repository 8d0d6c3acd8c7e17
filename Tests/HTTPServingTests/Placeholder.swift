import Testing
import HTTPServing
