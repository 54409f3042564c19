/** The severities of RFC 5424 as MCP names them, least severe first. */
const LEVELS = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'] as const;

/** Severity as a comparable number; undefined for an unknown level. */
export function levelNumber(level: unknown): number | undefined {
  const number = (LEVELS as readonly unknown[]).indexOf(level);
  return number < 0 ? undefined : number;
}
