import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { isDeeperThan, MAX_JSON_DEPTH } from '../../platform/json-depth.js';

/** Around the deepest value that may be recorded there are its event, the command, a batch's list and the batch. */
const MAX_FRAME_DEPTH = MAX_JSON_DEPTH + 8;

/**
 * Reads a frame as JSON. Nesting is bounded before anyone touches the value: an answer or a log line that repeats a
 * part of it would run out of stack.
 * @throws OpstreamError `invalid_json` with the parser's words, `invalid_request` when it is nested too deeply
 */
export function parseFrame(frame: Buffer): unknown {
  let value: unknown;
  try {
    value = JSON.parse(frame.toString());
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message.slice(0, 200) : 'Invalid JSON';
    throw new OpstreamError('invalid_json', reason, {}, { cause: thrown });
  }
  // Shorter frames cannot nest that deep.
  if (frame.length > MAX_FRAME_DEPTH && isDeeperThan(value, MAX_FRAME_DEPTH)) {
    throw new OpstreamError('invalid_request', `A value is nested more than ${MAX_JSON_DEPTH} levels deep`);
  }
  return value;
}
