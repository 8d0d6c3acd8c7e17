// SPDX-License-Identifier: Apache-2.0
// What Swift's Glibc module hides.
#ifndef TPR_SHIMS_H
#define TPR_SHIMS_H

#include <sys/socket.h>

/// accept4(2) with SOCK_NONBLOCK | SOCK_CLOEXEC.
int tpr_accept_nonblocking(int listener, struct sockaddr *address, socklen_t *length);

/// A new TCP socket with SOCK_NONBLOCK | SOCK_CLOEXEC; -1 and errno on failure.
int tpr_tcp_socket(int family);

/// TCP_NODELAY, and a bound on the bytes the kernel keeps unsent. Failures are ignored: both only tune.
void tpr_tune_tcp_socket(int socket, int unsent_bytes);

/// What the peer has done, without reading: 0 nothing, 1 it sent FIN, 2 the connection is broken.
int tpr_peer_state(int socket);

/// Makes close(2) send RST and drop what is unsent.
void tpr_reset_on_close(int socket);

#endif
