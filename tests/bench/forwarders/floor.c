/* The floor: a forwarder that parses nothing. What arrives on one socket leaves from the other, to the phone that is
 * paired with the sender's port. One thread waits for both sockets, which is cheaper here than a thread for each;
 * whatever has arrived is taken and sent on as a batch.
 *
 * floor INSIDE-IP PORT OUTSIDE-IP PORT CALLER-IP CALLEE-IP CALLER-PORT:CALLEE-PORT...
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { BATCH = 32, SIZE = 2048 };

struct way {
	int from, to;
	struct in_addr peer;    /* of the phones on the far side */
	in_port_t port[65536];  /* sender's port to that of its pair, both in network order */
};

static struct way up, down;
static char data[BATCH][SIZE];
static struct sockaddr_in addr[BATCH];
static struct iovec iov[BATCH];
static struct mmsghdr msg[BATCH];

static void forward(struct way *w) {
	for (int i = 0; i < BATCH; i++) {
		iov[i].iov_len = SIZE;
		msg[i].msg_hdr.msg_namelen = sizeof addr[i];
	}
	int n = recvmmsg(w->from, msg, BATCH, MSG_DONTWAIT, NULL);
	if (n < 0) {
		if (errno == EAGAIN || errno == EINTR) return;
		perror("recvmmsg");
		exit(1);
	}
	for (int i = 0; i < n; i++) {
		addr[i].sin_addr = w->peer;
		addr[i].sin_port = w->port[addr[i].sin_port];
		iov[i].iov_len = msg[i].msg_len;
	}
	for (int done = 0; done < n;) {
		int sent = sendmmsg(w->to, msg + done, n - done, 0);
		if (sent < 0) {
			perror("sendmmsg");
			sent = 1; /* that one packet is lost */
		}
		done += sent;
	}
}

static int open_socket(const char *ip, const char *port) {
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(atoi(port)), .sin_addr.s_addr = inet_addr(ip)};
	int size = 1 << 20, fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0) {
		perror("cannot bind the socket");
		exit(1);
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	return fd;
}

int main(int argc, char **argv) {
	if (argc < 8) {
		fprintf(stderr, "usage: floor inside-ip port outside-ip port caller-ip callee-ip caller-port:callee-port...\n");
		return 2;
	}
	up.from = down.to = open_socket(argv[1], argv[2]);
	down.from = up.to = open_socket(argv[3], argv[4]);
	down.peer.s_addr = inet_addr(argv[5]);
	up.peer.s_addr = inet_addr(argv[6]);
	for (int i = 7; i < argc; i++) {
		unsigned short a, b;
		if (sscanf(argv[i], "%hu:%hu", &a, &b) != 2) return 2;
		up.port[htons(a)] = htons(b);
		down.port[htons(b)] = htons(a);
	}
	for (int i = 0; i < BATCH; i++) {
		iov[i].iov_base = data[i];
		msg[i].msg_hdr.msg_iov = &iov[i];
		msg[i].msg_hdr.msg_iovlen = 1;
		msg[i].msg_hdr.msg_name = &addr[i];
	}
	struct pollfd ready[2] = {{.fd = up.from, .events = POLLIN}, {.fd = down.from, .events = POLLIN}};
	for (;;) {
		if (poll(ready, 2, -1) < 0 && errno != EINTR) {
			perror("poll");
			return 1;
		}
		if (ready[0].revents) forward(&up);
		if (ready[1].revents) forward(&down);
	}
}
