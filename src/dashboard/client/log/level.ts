import { LEVELS, type Level } from '../../../client/protocol/log-level.js';

export { LEVELS, levelOf, type Level } from '../../../client/protocol/log-level.js';

export function isAtLeast(level: Level, least: Level): boolean {
  return LEVELS.indexOf(level) >= LEVELS.indexOf(least);
}
