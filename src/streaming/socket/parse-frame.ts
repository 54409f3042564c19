import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { MAX_JSON_DEPTH, MAX_MESSAGE_DEPTH, nestsDeeper, parseJson } from '../../platform/json.js';

/**
 * Parses a frame as JSON. Nesting is bounded before the value is used: an answer or a log line that repeats part of it
 * could overflow the stack.
 * @throws OpstreamError `invalid_json` with the parser's message, `invalid_request` when it is nested too deeply
 */
export function parseFrame(frame: Buffer): unknown {
  const text = frame.toString();
  const value = parseJson(text);
  if (nestsDeeper(text, value, MAX_MESSAGE_DEPTH)) {
    throw new OpstreamError('invalid_request', `A value is nested more than ${MAX_JSON_DEPTH} levels deep`);
  }
  return value;
}
