// SPDX-License-Identifier: Apache-2.0

import Glibc

/// e^x in double precision.
func exponential(_ x: Double) -> Double { exp(x) }

/// ln x in double precision.
func naturalLogarithm(_ x: Double) -> Double { log(x) }

/// erf x in double precision.
func errorFunction(_ x: Double) -> Double { erf(x) }
