import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Principal } from '../../auth/principal.js';
import type { StreamReader } from '../stream-reader.js';

/** A request to read one stream, by somebody who may. */
export interface ReadCall {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly reader: StreamReader;
}

/** A request for one stream, by somebody who may make it. */
export interface StreamCall {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly principal: Principal;
  readonly tenant: string;
  readonly path: string;
  /** Path of all streams, like `/v1/stream`. */
  readonly root: string;
}
