/*
 * The floor: what one core can do at best with one send() per subscriber and flush. It accepts subscribers, then
 * writes one prebuilt buffer to each blocking socket in turn, and nothing else: no log, no protocol, no bookkeeping.
 * (Its handshake is a constant; only what follows is measured.)
 *
 * Prints {"port":N} and answers the same `publish` and `usage` lines as the servers in ../servers/commands.mjs.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "websocket.h"

#define MAX_SUBSCRIBERS 20000
#define MAX_BURST 64
#define MAX_EVENT 65536

static int subscribers[MAX_SUBSCRIBERS];
static int subscriber_count;
static uint64_t seq;
static uint8_t flush[MAX_BURST * (MAX_EVENT + 10)];

static void accept_subscriber(int listener) {
  static const char reply[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
  int on = 1, fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  char request[4096];
  if (fd < 0 || subscriber_count == MAX_SUBSCRIBERS) return;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (recv(fd, request, sizeof request, 0) <= 0) {
    close(fd);
    return;
  }
  send(fd, reply, sizeof reply - 1, MSG_NOSIGNAL);
  subscribers[subscriber_count++] = fd;
}

/* Appends one event frame of `bytes` payload to the flush; returns its length. */
static size_t add_event(uint8_t *at, size_t bytes) {
  static char text[MAX_EVENT];
  static char pad[MAX_EVENT];
  char head[256], tail[64];
  int head_length = snprintf(head, sizeof head,
                             "{\"event_type\":\"log\",\"operation_id\":\"bench\",\"seq\":%llu,\"position\":\"%llu\","
                             "\"timestamp\":1700000000.123,\"data\":{\"level\":\"info\",\"message\":\"",
                             (unsigned long long)seq + 1, (unsigned long long)seq + 1);
  int tail_length = snprintf(tail, sizeof tail, "\",\"details\":{\"sent_ns\":%llu}}}", (unsigned long long)now_ns());
  int padding = (int)bytes - head_length - tail_length;
  if (pad[0] == '\0') memset(pad, 'x', sizeof pad - 1);
  seq++;
  int length = snprintf(text, sizeof text, "%s%.*s%s", head, padding > 0 ? padding : 0, pad, tail);
  size_t header = frame_header(at, OP_TEXT, (size_t)length, 0);
  memcpy(at + header, text, (size_t)length);
  return header + (size_t)length;
}

static void publish_events(int count, size_t bytes) {
  size_t length = 0;
  for (int i = 0; i < count; i++) length += add_event(flush + length, bytes);
  for (int i = 0; i < subscriber_count; i++) {
    if (send(subscribers[i], flush, length, MSG_NOSIGNAL) == (ssize_t)length) continue;
    close(subscribers[i]);
    subscribers[i--] = subscribers[--subscriber_count];
  }
}

static void sleep_until(uint64_t at) {
  struct timespec when = {.tv_sec = (time_t)(at / 1000000000u), .tv_nsec = (long)(at % 1000000000u)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) == EINTR) {
  }
}

/* `burst K`: K events per flush, as fast as it goes. `rate R`: R events per second, one per flush. */
static void publish(const char *mode, double amount, double seconds, size_t bytes) {
  uint64_t begin = now_ns(), end = begin + (uint64_t)(seconds * 1e9), first = seq, cpu = cpu_us();
  if (strcmp(mode, "rate") == 0) {
    for (uint64_t i = 0; i < (uint64_t)(amount * seconds); i++) {
      sleep_until(begin + (uint64_t)((double)i * 1e9 / amount));
      publish_events(1, bytes);
    }
  } else {
    while (now_ns() < end) publish_events((int)amount, bytes);
  }
  printf("{\"first\":%llu,\"last\":%llu,\"begin_ns\":%llu,\"end_ns\":%llu,\"cpu_us\":%llu}\n", (unsigned long long)first,
         (unsigned long long)seq, (unsigned long long)begin, (unsigned long long)now_ns(),
         (unsigned long long)(cpu_us() - cpu));
  fflush(stdout);
}

static void run_command(const char *line) {
  char mode[16];
  double amount, seconds;
  int bytes;
  if (sscanf(line, "publish %15s %lf %lf %d", mode, &amount, &seconds, &bytes) == 4 && bytes <= MAX_EVENT &&
      amount <= (strcmp(mode, "rate") == 0 ? 1e6 : MAX_BURST)) {
    publish(mode, amount, seconds, (size_t)bytes);
    return;
  }
  printf("{\"cpu_us\":%llu,\"rss\":0}\n", (unsigned long long)cpu_us());
  fflush(stdout);
}

int main(void) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t size = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 4096) < 0) {
    perror("listen");
    return 1;
  }
  getsockname(listener, (struct sockaddr *)&address, &size);
  printf("{\"port\":%d}\n", ntohs(address.sin_port));
  fflush(stdout);
  struct pollfd waiting[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = listener, .events = POLLIN}};
  for (;;) {
    poll(waiting, 2, -1);
    if (waiting[1].revents & POLLIN) accept_subscriber(listener);
    if ((waiting[0].revents & (POLLIN | POLLHUP)) == 0) continue;
    char line[256];
    ssize_t n = read(STDIN_FILENO, line, sizeof line - 1);
    if (n <= 0) return 0;
    line[n] = '\0';
    run_command(line);
  }
}
