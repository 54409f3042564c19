import type { Socket } from 'node:net';
import { type ServerResponse, STATUS_CODES } from 'node:http';
import { SECURITY_HEADERS } from '../../auth/http-security.js';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { toProblem } from '../problem.js';

/** Answers what Node refuses itself, before there is a request, in the same form as every other refusal. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  // A client that reset the connection reads nothing, and a response in progress must not be followed by a second one.
  const pending = (socket as { _httpMessage?: ServerResponse })._httpMessage;
  const answering = pending?.headersSent === true;
  if (error.code === 'ECONNRESET' || !socket.writable || answering) {
    socket.destroy();
    return;
  }
  const problem = toProblem(refusalOf(error));
  const body = JSON.stringify(problem);
  socket.end(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n` +
      SECURITY_HEADERS.map(([name, value]) => `${name}: ${value}\r\n`).join('') +
      grantsOf(pending) +
      'Content-Type: application/problem+json; charset=utf-8\r\n' +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    () => socket.destroySoon(),
  );
}

/** What lets a listed page read the response, when the headers of its request had arrived. */
function grantsOf(response: ServerResponse | undefined): string {
  return ['Vary', 'Access-Control-Allow-Origin', 'Access-Control-Expose-Headers']
    .map((name) => [name, response?.getHeader(name)] as const)
    .map(([name, value]) => (value === undefined ? '' : `${name}: ${String(value)}\r\n`))
    .join('');
}

function refusalOf({ code, message }: NodeJS.ErrnoException): OpstreamError {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return new OpstreamError('headers_too_large', 'The headers are too large; send fewer or shorter ones');
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new OpstreamError('request_timeout', 'The request took too long to arrive');
  }
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW') {
    return new OpstreamError('payload_too_large', 'The extensions of a chunk are too large');
  }
  return new OpstreamError('invalid_request', `The request is not valid HTTP: ${message}`);
}
