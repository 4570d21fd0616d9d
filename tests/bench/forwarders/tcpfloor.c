/* The floor over TCP: a forwarder that only finds where messages end. A connection that a caller opens is joined to one
 * that is opened to the callee paired with the caller's port; whatever whole messages a read has completed leave by the
 * other connection in one write. One thread waits for all of them, level-triggered.
 *
 * tcpfloor INSIDE-IP PORT OUTSIDE-IP PORT CALLER-IP CALLEE-IP CALLER-PORT:CALLEE-PORT...
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 32, SIZE = 65536, MOST = 1024 };

/* By socket: what came on it and is not passed on yet, and where that goes. */
static struct half {
	int other;
	size_t have;
	char data[SIZE + 1];
} *half[MOST];

static int epoll;
static in_port_t callee[65536]; /* of a caller's port, both in network order */

static void fail(const char *what) {
	perror(what);
	exit(1);
}

static struct sockaddr_in address(const char *ip, in_port_t port) {
	return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = inet_addr(ip)};
}

static void watch(int fd, int other) {
	int on = 1;
	if (fd >= MOST || !(half[fd] = calloc(1, sizeof **half))) fail("too many connections");
	half[fd]->other = other;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) < 0) fail("cannot watch a socket");
}

/* The length of the message that text begins with; 0 when it is not all there. */
static size_t whole(const char *text, size_t have) {
	const char *end = memmem(text, have, "\r\n\r\n", 4);
	if (!end) return 0;
	for (const char *line = text; line < end; line = (const char *)memchr(line, '\n', end + 2 - line) + 1) {
		if (strncasecmp(line, "Content-Length:", 15) == 0) {
			size_t length = end + 4 - text + strtoul(line + 15, NULL, 10);
			return length <= have ? length : 0;
		}
	}
	fail("a message has no Content-Length");
	return 0;
}

static void put(int fd, const char *data, size_t n) {
	while (n > 0) {
		ssize_t written = send(fd, data, n, MSG_NOSIGNAL);
		if (written < 0) {
			struct pollfd full = {.fd = fd, .events = POLLOUT};
			if (errno != EAGAIN) return; /* it is gone: its own read will tell */
			poll(&full, 1, -1);
			continue;
		}
		data += written;
		n -= written;
	}
}

static void forward(int fd) {
	struct half *h = half[fd];
	ssize_t n = recv(fd, h->data + h->have, SIZE - h->have, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
	if (n <= 0) {
		shutdown(h->other, SHUT_WR);
		epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
		return;
	}
	h->have += n;
	h->data[h->have] = 0;
	size_t done = 0;
	for (size_t next; (next = whole(h->data + done, h->have - done)) > 0;) done += next;
	put(h->other, h->data, done);
	memmove(h->data, h->data + done, h->have -= done);
}

static void join(int listener, const char *outside, const char *phones) {
	struct sockaddr_in from, here = address(outside, 0), there = address(phones, 0);
	socklen_t length = sizeof from;
	int up = accept4(listener, (struct sockaddr *)&from, &length, SOCK_NONBLOCK);
	if (up < 0) return;
	there.sin_port = callee[from.sin_port];
	int down = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(down, (struct sockaddr *)&here, sizeof here) < 0 || connect(down, (struct sockaddr *)&there, sizeof there) < 0)
		fail("cannot connect to a callee");
	watch(up, down);
	watch(down, up);
}

int main(int argc, char **argv) {
	if (argc < 8) {
		fprintf(stderr, "usage: tcpfloor inside-ip port outside-ip port caller-ip callee-ip caller-port:callee-port...\n");
		return 2;
	}
	for (int i = 7; i < argc; i++) {
		unsigned short a, b;
		if (sscanf(argv[i], "%hu:%hu", &a, &b) != 2) return 2;
		callee[htons(a)] = htons(b);
	}
	struct sockaddr_in inside = address(argv[1], htons(atoi(argv[2])));
	int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(listener, (struct sockaddr *)&inside, sizeof inside) < 0 || listen(listener, MOST) < 0) fail("cannot listen");
	if ((epoll = epoll_create1(0)) < 0) fail("epoll_create1");
	struct epoll_event e = {.events = EPOLLIN, .data.fd = listener}, ready[BATCH];
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e) < 0) fail("cannot watch a socket");
	for (;;) {
		int n = epoll_wait(epoll, ready, BATCH, -1);
		if (n < 0 && errno != EINTR) fail("epoll_wait");
		for (int i = 0; i < n; i++) {
			int fd = ready[i].data.fd;
			if (fd == listener) join(fd, argv[3], argv[6]);
			else forward(fd);
		}
	}
}
