// SPDX-License-Identifier: Apache-2.0
#include "../include/tpr_kernels.h"

#include <pthread.h>

void tpr_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }
