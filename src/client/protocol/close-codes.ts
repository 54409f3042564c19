/**
 * How the service ends a WebSocket, and what a client does then; for every socket it serves (RFC 6455, section 7.4).
 * `reconnect`: connect again after a pause and resume; `final`: to connect again would be refused again. Codes
 * that are not listed, such as those of proxies, are worth another try.
 */
export const CLOSE_CODES = {
  normal: { code: 1000, client: 'reconnect', meaning: 'the client closed' },
  goingAway: { code: 1001, client: 'reconnect', meaning: 'the service is stopping' },
  unsupportedData: { code: 1003, client: 'reconnect', meaning: 'a binary message where text is wanted' },
  abnormal: { code: 1006, client: 'reconnect', meaning: 'never sent: the connection was lost or refused' },
  invalidText: { code: 1007, client: 'reconnect', meaning: 'a text frame was not UTF-8' },
  policyViolation: { code: 1008, client: 'final', meaning: 'refused by a policy, also of a proxy between' },
  messageTooLarge: { code: 1009, client: 'reconnect', meaning: 'a message was larger than 1 MB' },
  internalError: { code: 1011, client: 'reconnect', meaning: 'the service failed on a message' },
  credentialEnded: {
    code: 4401,
    client: 'final',
    meaning: 'the token expired or the key was revoked, and no newer one came by `authenticate`',
  },
} as const satisfies Record<string, CloseCode>;

export interface CloseCode {
  readonly code: number;
  /** What a client does that cannot get another token. */
  readonly client: 'reconnect' | 'final';
  readonly meaning: string;
}
