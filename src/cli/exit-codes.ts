import { CLIENT_ERROR, OpstreamClientError } from '../client/index.js';

/** Exit codes of `opstream`; `run` and `serve` pass on the exit code of the program they start. */
export const EXIT = {
  ok: 0,
  /** The watched operation ended with an error, or an unexpected failure occurred. */
  failed: 1,
  /** The command line is not valid. */
  usage: 2,
  /** No service responds at the address. */
  unreachable: 3,
  /** The service refused: unknown operation, missing permission, invalid request. */
  refused: 4,
  /** The watched operation was cancelled. */
  cancelled: 5,
  notExecutable: 126,
  notFound: 127,
  /** Plus the signal's number, as shells do. */
  signal: 128,
  interrupted: 130,
} as const;

const NO_SERVICE: ReadonlySet<string> = new Set([
  CLIENT_ERROR.unreachable,
  CLIENT_ERROR.timeout,
  CLIENT_ERROR.connectionLost,
  CLIENT_ERROR.unexpectedAnswer,
  // A server without this path. All our paths exist, and a missing resource has its own code.
  'not_found',
]);

export function exitCodeOf(error: unknown): number {
  if (!(error instanceof OpstreamClientError)) return EXIT.failed;
  return NO_SERVICE.has(error.code) ? EXIT.unreachable : EXIT.refused;
}

/** An error message for people, with advice where possible. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (!(error instanceof OpstreamClientError)) return error.message;
  if (error.code === CLIENT_ERROR.unreachable || error.code === CLIENT_ERROR.timeout) {
    return `${error.message}\nStart a service with "opstream serve", or name another with --url or OPSTREAM_URL.`;
  }
  if (error.code === 'not_found') return `${error.message}\nCheck the path of --url or OPSTREAM_URL.`;
  if (error.code === 'unauthorized') return `${error.message}\nGive one with --token or OPSTREAM_TOKEN.`;
  return error.message;
}
