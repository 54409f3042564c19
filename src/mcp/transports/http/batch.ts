import { eraOf } from '../../dispatch/dispatcher.service.js';
import type { RpcMessage } from '../../protocol/json-rpc.js';
import type { Responder } from '../../session/responder.js';
import { RPC, RpcError } from '../../protocol/rpc-error.js';
import type { McpSession } from '../../session/mcp-session.js';
import type { HttpResponder } from './http-responder.js';

/** Messages of one batch. */
const MAX_BATCH = 100;
/** The revision that did away with batches. */
const WITHOUT_BATCHES = '2025-06-18';

/**
 * Whether a batch may be served in a session (2025-03-26).
 * @throws RpcError `invalidRequest`
 */
export function checkBatch(messages: readonly RpcMessage[], { protocolVersion }: McpSession): void {
  if (protocolVersion >= WITHOUT_BATCHES) throw refused(`${protocolVersion} has no batches`);
  if (messages.length > MAX_BATCH) throw refused(`a batch may have ${MAX_BATCH} messages`);
  for (const message of messages) {
    if (message.kind !== 'request') continue;
    if (message.method === 'initialize') throw refused('initialize must come alone');
    if (eraOf(message) === 'modern') throw refused('requests of 2026-07-28 come one by one');
  }
}

/** Notifications and answers expect none; what is malformed gets its error. */
export function expectsAnswer({ kind }: RpcMessage): boolean {
  return kind === 'request' || kind === 'malformed';
}

/**
 * Puts the answers to one batch together: a JSON array, or one by one on the stream when something came before them.
 */
export class BatchAnswers {
  private readonly answers: string[] = [];

  /** @param missing how many messages expect an answer */
  constructor(
    private readonly response: HttpResponder,
    private missing: number,
  ) {}

  /** Where one message of the batch is answered. */
  responder(): Responder {
    const { response } = this;
    return {
      send: (message) => response.send(message),
      respond: (message) => this.add(message),
      close: () => this.add(undefined),
      pause: (retryMs) => response.pause(retryMs),
      drained: () => response.drained(),
    };
  }

  private add(answer: string | undefined): void {
    if (answer !== undefined) this.answers.push(answer);
    this.missing -= 1;
    if (this.missing === 0) this.response.respondAll(this.answers);
  }
}

function refused(why: string): RpcError {
  return new RpcError(RPC.invalidRequest, `Invalid Request: ${why}`);
}
