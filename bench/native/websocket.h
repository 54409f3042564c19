/* As much of RFC 6455 as a benchmark needs: frame headers, read and written. */
#ifndef BENCH_WEBSOCKET_H
#define BENCH_WEBSOCKET_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { OP_TEXT = 1, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10 };

struct frame {
  uint8_t opcode;
  int final, compressed;
  const uint8_t *payload;
  size_t length;
};

/* Reads an unmasked frame. Returns the bytes it takes, 0 when it is not complete yet. */
static inline size_t frame_read(struct frame *frame, const uint8_t *at, size_t have) {
  if (have < 2) return 0;
  size_t header = 2, length = at[1] & 0x7f;
  if (length == 126) {
    if (have < 4) return 0;
    header = 4;
    length = (size_t)at[2] << 8 | at[3];
  } else if (length == 127) {
    if (have < 10) return 0;
    header = 10;
    length = 0;
    for (int i = 2; i < 10; i++) length = length << 8 | at[i];
  }
  if (have < header + length) return 0;
  frame->opcode = at[0] & 0x0f;
  frame->final = (at[0] & 0x80) != 0;
  frame->compressed = (at[0] & 0x40) != 0;
  frame->payload = at + header;
  frame->length = length;
  return header + length;
}

/* Header of a final frame. With `masked` the key is zero, so the payload stays as it is. Returns its bytes. */
static inline size_t frame_header(uint8_t *at, uint8_t opcode, size_t length, int masked) {
  size_t n = 2;
  at[0] = 0x80 | opcode;
  if (length < 126) {
    at[1] = (uint8_t)length;
  } else if (length < 65536) {
    at[1] = 126;
    at[2] = (uint8_t)(length >> 8);
    at[3] = (uint8_t)length;
    n = 4;
  } else {
    at[1] = 127;
    for (int i = 0; i < 8; i++) at[2 + i] = (uint8_t)((uint64_t)length >> (56 - 8 * i));
    n = 10;
  }
  if (masked) {
    at[1] |= 0x80;
    memset(at + n, 0, 4);
    n += 4;
  }
  return n;
}

#endif
