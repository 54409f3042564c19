/*
 * Load generator: thousands of WebSocket subscribers on raw sockets in one thread. It counts frames, also those that
 * share a segment, and checks by the `seq` in every payload that nothing is lost, doubled or out of order.
 *
 *   generator PORT PATH GREETINGS [-H "Header: value"]... [-m "text frame"]...
 *
 * Every connection sends its text frames after the upgrade (`%SEQ%` in one becomes the newest seq it has seen) and is
 * ready after GREETINGS frames that are no events. Commands come as lines on stdin; each is answered by one JSON line
 * on stdout:
 *
 *   open COUNT WINDOW      opens connections, at most WINDOW handshakes at a time
 *   mode sweep|epoll       sweep: read all sockets every few ms (throughput: wake-ups cost the server nothing)
 *                          epoll: read each socket as it becomes readable (latency)
 *   begin SEQ              expect SEQ+1 next on every connection that reads; clears all counters
 *   finish SEQ TIMEOUT_MS  waits until every connection that reads has reached SEQ, then reports
 *   stall COUNT            COUNT connections, spread evenly, are not read any more and leave the latency figures
 *   unstall                they are read again
 *   storm                  drops all connections and opens as many at once; `recovery_ms` of the next report is the
 *                          time from then until a connection had its next event
 *   close                  closes all connections
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "histogram.h"
#include "websocket.h"

#define MAX_CONNECTIONS 20000
#define MAX_TEXTS 8
#define READ_BYTES (512 * 1024)
#define MAX_CARRY (4 * 1024 * 1024)
#define SWEEP_NS 4000000u
/* Ports run out per source address; every so many connections come from another one of 127.0.0.0/8. */
#define CONNECTIONS_PER_SOURCE 4000

enum state { UNUSED, CONNECTING, UPGRADING, GREETING, READY, CLOSED };

struct connection {
  int fd;
  enum state state;
  int greeted, stalled, slow, polled, recovering;
  uint64_t last;
  uint8_t *carry;
  size_t carried;
};

static struct {
  uint64_t deliveries, bytes, lost, doubled, closed, errors, compressed;
  uint64_t first_ns, last_ns, cpu_begin;
  struct histogram latency, recovery;
} counts;

static struct connection connections[MAX_CONNECTIONS];
static int used, opening, ready, failed;
static int to_open, window;
static int sweeping;
static int ep;
static uint8_t buffer[MAX_CARRY + READ_BYTES];
static char request[4096];
static size_t request_length;
static const char *texts[MAX_TEXTS];
static int text_count, greetings, port;

static enum { IDLE, OPENING, FINISHING } command;
static uint64_t command_began, finish_seq, finish_by;
static char first_failure[128];

static void poll_socket(struct connection *c, uint32_t events) {
  struct epoll_event event = {.events = events, .data.ptr = c};
  epoll_ctl(ep, c->polled ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, c->fd, &event);
  c->polled = 1;
}

static void unpoll_socket(struct connection *c) {
  if (c->polled) epoll_ctl(ep, EPOLL_CTL_DEL, c->fd, NULL);
  c->polled = 0;
}

static void fail(struct connection *c, const char *why, size_t length) {
  if (first_failure[0] == '\0') {
    size_t n = 0;
    for (; n < length && n < sizeof first_failure - 1 && why[n] >= ' ' && why[n] != '"' && why[n] != '\\'; n++)
      first_failure[n] = why[n];
    first_failure[n] = '\0';
  }
  if (c->state == READY) {
    ready--;
    counts.closed++;
  } else {
    opening--;
    failed++;
  }
  close(c->fd);
  c->polled = 0;
  c->state = CLOSED;
  free(c->carry);
  c->carry = NULL;
  c->carried = 0;
}

static void send_all(struct connection *c, const uint8_t *bytes, size_t length) {
  if (send(c->fd, bytes, length, MSG_NOSIGNAL) != (ssize_t)length) counts.errors++;
}

static void send_text(struct connection *c, const char *text) {
  uint8_t frame[4096];
  char filled[4000];
  const char *mark = strstr(text, "%SEQ%");
  if (mark != NULL) {
    snprintf(filled, sizeof filled, "%.*s%llu%s", (int)(mark - text), text, (unsigned long long)c->last, mark + 5);
    text = filled;
  }
  size_t length = strlen(text), header = frame_header(frame, OP_TEXT, length, 1);
  memcpy(frame + header, text, length);
  send_all(c, frame, header + length);
}

static void start_connection(struct connection *c) {
  int on = 1, index = (int)(c - connections);
  struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  from.sin_addr.s_addr = htonl(0x7f000001u + (uint32_t)(index / CONNECTIONS_PER_SOURCE));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (c->fd < 0) {
    perror("socket");
    exit(1);
  }
  setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  c->state = CONNECTING;
  c->greeted = c->polled = 0;
  opening++;
  if (bind(c->fd, (struct sockaddr *)&from, sizeof from) < 0 ||
      (connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS)) {
    const char *why = strerror(errno);
    fail(c, why, strlen(why));
    return;
  }
  poll_socket(c, EPOLLOUT);
}

static void became_ready(struct connection *c) {
  opening--;
  ready++;
  c->state = READY;
  if (sweeping) unpoll_socket(c);
}

static void upgraded(struct connection *c) {
  c->state = GREETING;
  for (int i = 0; i < text_count; i++) send_text(c, texts[i]);
  if (greetings == 0) became_ready(c);
}

/* Finds `"key":` and reads the number behind it. The layout hardly changes, so the last place is tried first. */
static int read_number(const struct frame *frame, const char *key, size_t key_length, size_t *hint, uint64_t *value) {
  const uint8_t *at = frame->payload + *hint, *end = frame->payload + frame->length;
  if (*hint + key_length > frame->length || memcmp(at, key, key_length) != 0) {
    at = memmem(frame->payload, frame->length, key, key_length);
    if (at == NULL) return 0;
    *hint = (size_t)(at - frame->payload);
  }
  uint64_t number = 0;
  for (at += key_length; at < end && *at >= '0' && *at <= '9'; at++) number = number * 10 + (*at - '0');
  *value = number;
  return 1;
}

static void take_event(struct connection *c, const struct frame *frame, uint64_t seq, uint64_t now) {
  static size_t sent_hint;
  uint64_t sent;
  counts.deliveries++;
  counts.bytes += frame->length;
  counts.last_ns = now;
  if (counts.first_ns == 0) counts.first_ns = now;
  if (seq <= c->last) {
    counts.doubled++;
    return;
  }
  counts.lost += seq - c->last - 1;
  c->last = seq;
  if (c->recovering) {
    c->recovering = 0;
    histogram_add(&counts.recovery, now - command_began);
  }
  if (!frame->compressed && !c->slow && read_number(frame, "\"sent_ns\":", 10, &sent_hint, &sent) && now > sent)
    histogram_add(&counts.latency, now - sent);
}

static void take_frame(struct connection *c, const struct frame *frame, uint64_t now) {
  static size_t seq_hint;
  uint64_t seq;
  if (frame->opcode == OP_PING) {
    uint8_t pong[140];
    size_t header = frame_header(pong, OP_PONG, frame->length, 1);
    memcpy(pong + header, frame->payload, frame->length);
    send_all(c, pong, header + frame->length);
  } else if (frame->opcode != OP_TEXT || !frame->final) {
    counts.errors++;
  } else if (frame->compressed) {
    /* Only shared event frames come compressed; another subscriber, in Node, inflates them and checks the content. */
    counts.compressed++;
    take_event(c, frame, c->last + 1, now);
  } else if (read_number(frame, "\"seq\":", 6, &seq_hint, &seq)) {
    take_event(c, frame, seq, now);
  } else if (frame->length == 1 && frame->payload[0] == '2') {
    send_text(c, "3"); /* Engine.IO ping and pong */
  } else if (c->state == GREETING && ++c->greeted >= greetings) {
    became_ready(c);
  }
}

/* Takes all complete frames; what is left of the last one waits in `carry`. */
static void take_bytes(struct connection *c, const uint8_t *bytes, size_t length) {
  uint64_t now = now_ns();
  size_t at = 0;
  for (;;) {
    struct frame frame;
    size_t taken = frame_read(&frame, bytes + at, length - at);
    if (taken == 0) break;
    if (frame.opcode == OP_CLOSE) {
      fail(c, "closed by the server", 20);
      return;
    }
    take_frame(c, &frame, now);
    at += taken;
  }
  c->carried = length - at;
  if (c->carried == 0) return;
  if (c->carried > MAX_CARRY) {
    fail(c, "frame too large", 15);
    return;
  }
  c->carry = realloc(c->carry, c->carried);
  memcpy(c->carry, bytes + at, c->carried);
}

static void take_upgrade(struct connection *c, const uint8_t *bytes, size_t length) {
  const uint8_t *end = memmem(bytes, length, "\r\n\r\n", 4);
  if (end == NULL) {
    c->carry = realloc(c->carry, length);
    memcpy(c->carry, bytes, length);
    c->carried = length;
    return;
  }
  if (memcmp(bytes, "HTTP/1.1 101", 12) != 0) {
    fail(c, (const char *)bytes, length);
    return;
  }
  upgraded(c);
  if (c->state != CLOSED) take_bytes(c, end + 4, length - (size_t)(end + 4 - bytes));
}

static void read_socket(struct connection *c) {
  for (;;) {
    if (c->carried > 0) memcpy(buffer, c->carry, c->carried);
    ssize_t n = recv(c->fd, buffer + c->carried, READ_BYTES, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
      const char *why = n == 0 ? "connection ended" : strerror(errno);
      fail(c, why, strlen(why));
      return;
    }
    size_t length = c->carried + (size_t)n;
    c->carried = 0;
    if (c->state == UPGRADING) take_upgrade(c, buffer, length);
    else take_bytes(c, buffer, length);
    if (n < READ_BYTES || c->state == CLOSED || c->stalled) return;
  }
}

static void on_socket(struct connection *c) {
  if (c->state == CONNECTING) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
      fail(c, strerror(error), strlen(strerror(error)));
      return;
    }
    c->state = UPGRADING;
    poll_socket(c, EPOLLIN);
    send_all(c, (const uint8_t *)request, request_length);
  } else if (c->state != CLOSED && !c->stalled) {
    read_socket(c);
  }
}

static void open_more(void) {
  while (to_open > 0 && opening < window) {
    to_open--;
    start_connection(&connections[used++]);
  }
}

static void drop_all(void) {
  struct linger at_once = {.l_onoff = 1, .l_linger = 0};
  for (int i = 0; i < used; i++) {
    struct connection *c = &connections[i];
    if (c->state == CLOSED || c->state == UNUSED) continue;
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(c->fd);
    free(c->carry);
    c->carry = NULL;
    c->carried = 0;
    c->state = CLOSED;
    c->polled = 0;
  }
  opening = ready = 0;
}

static void set_stalled(int count, int stalled) {
  for (int n = 0; n < count; n++) {
    struct connection *c = &connections[(long)n * used / count];
    if (c->state != READY || c->stalled == stalled) continue;
    c->stalled = stalled;
    c->slow |= stalled;
    if (stalled) unpoll_socket(c);
    else if (!sweeping) poll_socket(c, EPOLLIN);
  }
}

static void set_mode(int sweep) {
  sweeping = sweep;
  for (int i = 0; i < used; i++) {
    struct connection *c = &connections[i];
    if (c->state != READY || c->stalled) continue;
    if (sweep) unpoll_socket(c);
    else poll_socket(c, EPOLLIN);
  }
}

static void answer(const char *text) {
  puts(text);
  fflush(stdout);
}

static void report_opened(void) {
  printf("{\"ready\":%d,\"failed\":%d,\"failure\":\"%s\",\"seconds\":%.4f}\n", ready, failed, first_failure,
         (double)(now_ns() - command_began) / 1e9);
  fflush(stdout);
  command = IDLE;
}

static void print_quantiles(const char *name, const struct histogram *h) {
  printf(",\"%s\":{\"p50\":%.4f,\"p99\":%.4f,\"p999\":%.4f,\"max\":%.4f}", name,
         (double)histogram_quantile(h, 0.5) / 1e6, (double)histogram_quantile(h, 0.99) / 1e6,
         (double)histogram_quantile(h, 0.999) / 1e6, (double)h->max / 1e6);
}

static void report_counts(int behind) {
  printf("{\"deliveries\":%llu,\"bytes\":%llu,\"lost\":%llu,\"doubled\":%llu,\"closed\":%llu,\"errors\":%llu,"
         "\"compressed\":%llu,\"behind\":%d,\"first_ns\":%llu,\"last_ns\":%llu,\"cpu_us\":%llu,\"failure\":\"%s\"",
         (unsigned long long)counts.deliveries, (unsigned long long)counts.bytes, (unsigned long long)counts.lost,
         (unsigned long long)counts.doubled, (unsigned long long)counts.closed, (unsigned long long)counts.errors,
         (unsigned long long)counts.compressed, behind, (unsigned long long)counts.first_ns,
         (unsigned long long)counts.last_ns, (unsigned long long)(cpu_us() - counts.cpu_begin), first_failure);
  print_quantiles("latency_ms", &counts.latency);
  print_quantiles("recovery_ms", &counts.recovery);
  puts("}");
  fflush(stdout);
  command = IDLE;
}

static void check_command(uint64_t now) {
  static uint64_t checked;
  if (command == OPENING && to_open == 0 && opening == 0) report_opened();
  if (command != FINISHING || now - checked < 1000000u) return;
  checked = now;
  int behind = 0;
  for (int i = 0; i < used; i++) {
    const struct connection *c = &connections[i];
    if (c->state == READY && !c->stalled && c->last < finish_seq) behind++;
  }
  if (behind == 0 || now > finish_by) report_counts(behind);
}

static void begin(uint64_t seq) {
  uint64_t errors = counts.errors;
  memset(&counts, 0, sizeof counts);
  counts.errors = errors;
  counts.cpu_begin = cpu_us();
  for (int i = 0; i < used; i++) {
    if (!connections[i].stalled) connections[i].last = seq;
    connections[i].slow = connections[i].stalled;
  }
}

static void open_connections(int count, int at_once) {
  to_open = count < MAX_CONNECTIONS - used ? count : MAX_CONNECTIONS - used;
  window = at_once;
  failed = 0;
  command = OPENING;
  command_began = now_ns();
}

static void storm(void) {
  drop_all();
  command_began = now_ns();
  failed = 0;
  command = OPENING;
  for (int i = 0; i < used; i++) {
    connections[i].recovering = 1;
    start_connection(&connections[i]);
  }
}

static void run_command(const char *line) {
  int count, at_once;
  unsigned long long seq;
  char mode[8];
  if (sscanf(line, "open %d %d", &count, &at_once) == 2) open_connections(count, at_once);
  else if (strncmp(line, "storm", 5) == 0) storm();
  else if (sscanf(line, "finish %llu %d", &seq, &count) == 2) {
    command = FINISHING;
    finish_seq = seq;
    finish_by = now_ns() + (uint64_t)count * 1000000u;
  } else {
    if (sscanf(line, "mode %7s", mode) == 1) set_mode(strcmp(mode, "sweep") == 0);
    else if (sscanf(line, "begin %llu", &seq) == 1) begin(seq);
    else if (sscanf(line, "stall %d", &count) == 1) set_stalled(count < used ? count : used, 1);
    else if (strncmp(line, "unstall", 7) == 0) set_stalled(used, 0);
    else if (strncmp(line, "close", 5) == 0) {
      drop_all();
      used = 0;
    } else {
      answer("{\"error\":\"unknown command\"}");
      return;
    }
    answer("{}");
  }
}

static void read_commands(void) {
  static char line[256];
  static size_t length;
  char byte;
  for (;;) {
    ssize_t n = read(STDIN_FILENO, &byte, 1);
    if (n == 0) exit(0);
    if (n < 0) return;
    if (byte != '\n') {
      if (length < sizeof line - 1) line[length++] = byte;
      continue;
    }
    line[length] = '\0';
    length = 0;
    run_command(line);
  }
}

static void sweep_sockets(void) {
  for (int i = 0; i < used; i++) {
    struct connection *c = &connections[i];
    if (c->state == READY && !c->polled && !c->stalled) read_socket(c);
  }
}

static void allow_many_descriptors(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

static void parse_arguments(int argc, char **argv) {
  if (argc < 4) {
    fprintf(stderr, "usage: generator PORT PATH GREETINGS [-H header]... [-m text]...\n");
    exit(2);
  }
  port = atoi(argv[1]);
  greetings = atoi(argv[3]);
  int n = snprintf(request, sizeof request,
                   "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                   "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
                   argv[2], port);
  for (int i = 4; i + 1 < argc; i += 2) {
    if (strcmp(argv[i], "-m") == 0 && text_count < MAX_TEXTS) texts[text_count++] = argv[i + 1];
    else n += snprintf(request + n, sizeof request - (size_t)n, "%s\r\n", argv[i + 1]);
  }
  n += snprintf(request + n, sizeof request - (size_t)n, "\r\n");
  request_length = (size_t)n;
}

int main(int argc, char **argv) {
  parse_arguments(argc, argv);
  allow_many_descriptors();
  ep = epoll_create1(EPOLL_CLOEXEC);
  fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
  struct epoll_event input = {.events = EPOLLIN, .data.ptr = NULL};
  epoll_ctl(ep, EPOLL_CTL_ADD, STDIN_FILENO, &input);
  uint64_t swept = 0;
  for (;;) {
    static struct epoll_event events[1024];
    int n = epoll_wait(ep, events, 1024, sweeping || command != IDLE ? 1 : 100);
    for (int i = 0; i < n; i++) {
      if (events[i].data.ptr != NULL) {
        on_socket(events[i].data.ptr);
      } else {
        read_commands();
        break; /* a command may have replaced the sockets that the other events were of; they come again */
      }
    }
    uint64_t now = now_ns();
    if (sweeping && now - swept >= SWEEP_NS) {
      swept = now;
      sweep_sockets();
    }
    open_more();
    check_command(now);
  }
}
