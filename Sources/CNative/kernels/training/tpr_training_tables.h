// SPDX-License-Identifier: Apache-2.0
// The tables of instruction sets beyond the reference.
#ifndef TPR_TRAINING_TABLES_H
#define TPR_TRAINING_TABLES_H

#include "../../include/tpr_training.h"

#if defined(__x86_64__)
const tpr_training_ops *tpr_training_ops_avx2(void);
#endif

#endif
