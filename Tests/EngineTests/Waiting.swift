// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Sleeps for two milliseconds.
func usleepBriefly() {
    usleep(2_000)
}
