import type {
  ViewerError,
  ViewerPong,
  ViewerRequest,
  ViewerSubscribed,
} from '../../client/protocol/session-messages.js';
import { parseJson, isJsonObject } from '../../platform/json.js';
import type { Connection } from '../../streaming/socket/connection.js';

const ERROR_NO_OBJECT = answer({ type: 'error', message: 'A message must be a JSON object' });
const ERROR_UNKNOWN_COMMAND = answer({ type: 'error', message: 'Unknown command' });
const PONG = answer({ type: 'pong' });

/**
 * What a viewer's socket says: JSON objects, or the plain texts `ping` and `subscribe:…`. The session is the path's,
 * and follows from the start.
 * @returns the answer
 */
export function answerFrame(frame: Buffer, isBinary: boolean, sessionId: string): string {
  if (isBinary) return ERROR_NO_OBJECT;
  const text = frame.toString();
  let input: unknown;
  try {
    input = parseJson(text);
  } catch {
    if (text === 'ping') return 'pong';
    return text.startsWith('subscribe:') ? subscribed(sessionId) : ERROR_UNKNOWN_COMMAND;
  }
  if (!isJsonObject(input)) return ERROR_NO_OBJECT;
  switch (input.type as ViewerRequest['type'] | undefined) {
    case 'ping':
      return PONG;
    case 'subscribe':
      return subscribed(sessionId);
    default:
      return answer({ type: 'error', message: `Unknown message type: ${shown(input.type)}` });
  }
}

/** One socket of a session: what comes is answered in order, and the session is followed until it closes. */
export class ViewerSession {
  constructor(
    readonly connection: Connection,
    private readonly sessionId: string,
    private readonly endings: readonly (() => void)[],
  ) {}

  receive(frame: Buffer, isBinary: boolean): void {
    this.connection.send(answerFrame(frame, isBinary, this.sessionId));
  }

  close(): void {
    for (const end of this.endings) end();
  }
}

function subscribed(sessionId: string): string {
  return answer({ type: 'subscribed', session_id: sessionId, status: 'success' });
}

function answer(value: ViewerPong | ViewerSubscribed | ViewerError): string {
  return JSON.stringify(value);
}

/** As Python writes it, whose words the clients know; long ones in part. */
function shown(type: unknown): string {
  if (type === undefined || type === null) return 'None';
  if (typeof type === 'boolean') return type ? 'True' : 'False';
  return (typeof type === 'string' ? type : JSON.stringify(type)).slice(0, 200);
}
