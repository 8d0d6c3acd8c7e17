// SPDX-License-Identifier: Apache-2.0
#include "tpr_shims.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>

int tpr_accept_nonblocking(int listener, struct sockaddr *address, socklen_t *length) {
    return accept4(listener, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int tpr_tcp_socket(int family) {
    return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
}

void tpr_tune_tcp_socket(int socket, int unsent_bytes) {
    int on = 1;
    (void)setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_bytes, sizeof unsent_bytes);
}

int tpr_peer_state(int socket) {
    struct pollfd entry = {.fd = socket, .events = POLLRDHUP, .revents = 0};
    if (poll(&entry, 1, 0) <= 0) return 0;
    if (entry.revents & (POLLERR | POLLHUP | POLLNVAL)) return 2;
    return entry.revents & POLLRDHUP ? 1 : 0;
}

void tpr_reset_on_close(int socket) {
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(socket, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}
