/* The floor of relays: a relay that looks at nothing. Each end of a call has a socket; what arrives on one leaves from
 * the other to the address that was named when the call was made. One thread waits for all sockets, level-triggered,
 * and takes one packet for each that is ready.
 *
 * mediafloor INSIDE-IP OUTSIDE-IP CONTROL-PORT
 *
 * A datagram "CALLER-IP CALLER-PORT CALLEE-IP CALLEE-PORT" to INSIDE-IP:CONTROL-PORT makes a call; the answer is
 * "INSIDE-PORT OUTSIDE-PORT", the ports where caller and callee are listened to.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum { BATCH = 64, SIZE = 2048, MOST = 65536 };

/* By socket: the other socket of the call, and who is behind that one. */
static struct side {
	int other;
	struct sockaddr_in to;
} side[MOST];

static int epoll;

static void fail(const char *what) {
	perror(what);
	exit(1);
}

static struct sockaddr_in address(const char *ip, int port) {
	return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = inet_addr(ip)};
}

static int open_socket(const char *ip, int *port) {
	struct sockaddr_in a = address(ip, *port);
	socklen_t length = sizeof a;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	if (fd < 0 || fd >= MOST || bind(fd, (struct sockaddr *)&a, length) < 0 || getsockname(fd, (struct sockaddr *)&a, &length) < 0)
		fail("cannot open a socket");
	struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) < 0) fail("cannot watch a socket");
	*port = ntohs(a.sin_port);
	return fd;
}

static void make_call(int control, const char *inside, const char *outside) {
	char text[128], caller[64], callee[64];
	int caller_port, callee_port, ports[2] = {0, 0};
	struct sockaddr_in from;
	socklen_t length = sizeof from;
	ssize_t n = recvfrom(control, text, sizeof text - 1, 0, (struct sockaddr *)&from, &length);
	if (n < 0) return;
	text[n] = 0;
	if (sscanf(text, "%63s %d %63s %d", caller, &caller_port, callee, &callee_port) != 4) return;
	int a = open_socket(inside, &ports[0]), b = open_socket(outside, &ports[1]);
	side[a] = (struct side){b, address(callee, callee_port)};
	side[b] = (struct side){a, address(caller, caller_port)};
	n = snprintf(text, sizeof text, "%d %d", ports[0], ports[1]);
	if (sendto(control, text, n, 0, (struct sockaddr *)&from, length) < 0) perror("cannot answer");
}

int main(int argc, char **argv) {
	if (argc != 4) {
		fprintf(stderr, "usage: mediafloor inside-ip outside-ip control-port\n");
		return 2;
	}
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	if ((epoll = epoll_create1(0)) < 0) fail("epoll_create1");
	int port = atoi(argv[3]), control = open_socket(argv[1], &port);
	static struct epoll_event ready[BATCH];
	static char packet[SIZE];
	for (;;) {
		int n = epoll_wait(epoll, ready, BATCH, -1);
		if (n < 0 && errno != EINTR) fail("epoll_wait");
		for (int i = 0; i < n; i++) {
			int fd = ready[i].data.fd;
			if (fd == control) {
				make_call(control, argv[1], argv[2]);
				continue;
			}
			struct side *s = &side[fd];
			struct sockaddr_in from; /* a relay must know it */
			socklen_t length = sizeof from;
			ssize_t size = recvfrom(fd, packet, SIZE, 0, (struct sockaddr *)&from, &length);
			if (size >= 0) sendto(s->other, packet, size, 0, (struct sockaddr *)&s->to, sizeof s->to);
		}
	}
}
