// SPDX-License-Identifier: Apache-2.0
#ifndef TEMPER_CNATIVE_H
#define TEMPER_CNATIVE_H

#include "tpr_kernels.h"
#include "tpr_mapguard.h"
#include "tpr_shims.h"
#include "tpr_threads.h"
#include "tpr_training.h"

#endif
