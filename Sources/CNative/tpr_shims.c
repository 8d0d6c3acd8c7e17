// SPDX-License-Identifier: Apache-2.0
#include "tpr_shims.h"

int tpr_accept_nonblocking(int listener, struct sockaddr *address, socklen_t *length) {
    return accept4(listener, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}
