/**
 * A failure that the caller of a tool should read: it becomes a tool error (`isError: true`) with this text, not a
 * protocol error. Any other exception is shown only as a general failure.
 */
export class UserError extends Error {
  override readonly name = 'UserError';
}
