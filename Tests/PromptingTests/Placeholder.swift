import Testing
import Prompting
