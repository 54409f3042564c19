import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { writeProblem } from '../problem.js';
import { answerClientError } from './client-error.js';
import { answerExpectations } from './expect-continue.js';
import { accepts, lingerBeforeClosing } from './lingering-close.js';
import { OneAtATime } from './one-at-a-time.js';
import { LISTEN_BACKLOG, MAX_HEADER_BYTES, SERVER_OPTIONS } from './server-options.js';

/** Applies what every server of the service has besides `SERVER_OPTIONS`, before it listens. */
export function prepareServer(server: Server, onLoopback: boolean): void {
  // Node reads the property for each connection; it is more than an option.
  Object.assign(server, { maxHeaderSize: MAX_HEADER_BYTES[onLoopback ? 'loopback' : 'elsewhere'] });
  server.removeAllListeners('clientError').on('clientError', answerClientError);
  lingerBeforeClosing(server);
  answerExpectations(server);
}

/** Runs the checks that precede everything else the main server does. */
export function guardRequests(server: Server): void {
  const behind = server.listeners('request') as RequestListener[];
  const turns = new OneAtATime();
  server.removeAllListeners('request').on('request', (request, response) => {
    turns.serve(request, response, () => {
      if (!accepts(request, response)) return;
      if (lacksHost(request)) refuseWithoutHost(response);
      else for (const listener of behind) listener(request, response);
    });
  });
}

/**
 * A server for a further address or port, which hands all requests to the main one.
 * @param mount installs what else the main server has
 */
export async function listenFor(
  place: { readonly host: string; readonly port: number; readonly onLoopback: boolean },
  main: Server,
  mount: (server: Server) => void,
): Promise<Server> {
  const server = createServer(SERVER_OPTIONS, (request, response) => main.emit('request', request, response));
  mount(server);
  prepareServer(server, place.onLoopback);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: place.port, host: place.host, backlog: LISTEN_BACKLOG }, resolve);
  });
  return server;
}

/** HTTP/1.1 requires it (RFC 9112, section 3.2). */
function lacksHost({ headers, httpVersion }: IncomingMessage): boolean {
  return headers.host === undefined && httpVersion === '1.1';
}

function refuseWithoutHost(response: ServerResponse): void {
  writeProblem(response, new OpstreamError('invalid_request', 'The Host header is missing'));
}
