/** One server-sent event (WHATWG HTML, section 9.2). */
export interface ServerSentEvent {
  readonly event: string;
  readonly data: string;
  readonly id: string;
}

/** The events of a response's body, until it ends. */
export async function* eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerSentEvent, void> {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      rest += decoder.decode(value, { stream: true });
      const blocks = rest.split('\n\n');
      rest = blocks.pop()!;
      for (const block of blocks) {
        const event = parse(block);
        if (event) yield event;
      }
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/** Undefined for a comment. */
function parse(block: string): ServerSentEvent | undefined {
  const fields = { event: 'message', data: '', id: '' };
  let hasData = false;
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(0, colon));
    const value = line.slice(colon + 1).replace(/^ /, '');
    if (name === 'data') {
      fields.data += hasData ? `\n${value}` : value;
      hasData = true;
    } else if (name === 'event' || name === 'id') fields[name] = value;
  }
  return hasData ? fields : undefined;
}
