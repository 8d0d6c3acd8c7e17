// SPDX-License-Identifier: Apache-2.0
// What Swift's Glibc module hides.
#ifndef TPR_SHIMS_H
#define TPR_SHIMS_H

#include <sys/socket.h>

/// accept4(2) with SOCK_NONBLOCK | SOCK_CLOEXEC.
int tpr_accept_nonblocking(int listener, struct sockaddr *address, socklen_t *length);

#endif
