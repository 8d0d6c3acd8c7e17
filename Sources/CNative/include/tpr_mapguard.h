// SPDX-License-Identifier: Apache-2.0
// Lets the process outlive a mapped file that is cut short: touching a page past the new end raises SIGBUS, and the
// handler here puts pages of zeros in its place and notes that it did.
#ifndef TPR_MAPGUARD_H
#define TPR_MAPGUARD_H

#include <stddef.h>

/// Installs the SIGBUS handler, once; a fault outside the ranges below goes to the handler before it.
/// Returns 0, or an errno.
int tpr_mapguard_install(void);

/// Adds a mapped range, which starts at a page. Returns its slot, or -1 if all slots are taken.
int tpr_mapguard_add(const void *start, size_t length);

/// Removes a range; call before it is unmapped.
void tpr_mapguard_remove(int slot);

/// Whether pages of the range in this slot were lost and replaced. False for a slot that is none.
int tpr_mapguard_is_damaged(int slot);

#endif
