import type { Acknowledged } from './acknowledged-mark.js';
import { TENANT_SPAN } from './sqlite-rows.js';
import type { Statements } from './sqlite-statements.js';

/**
 * Logs at start that the database lacks the last acknowledged event: the end of the write-ahead log was cut, damaged
 * or left behind, or an older copy replaced the file.
 */
export function reportLosses(
  sql: Statements,
  mark: Acknowledged | undefined,
  log: (message: string) => void,
): void {
  if (!mark || sql.eventAt.get(mark.key)) return;
  const tenantNo = Math.floor(mark.key / TENANT_SPAN);
  const base = tenantNo * TENANT_SPAN;
  const name = sql.tenantName.get(tenantNo)?.name;
  const trimmed = name === undefined ? undefined : sql.tenant.get(name)?.trimmed_through;
  // It was removed regularly.
  if (trimmed !== undefined && trimmed >= mark.key - base) return;
  const newest = sql.newestPosition.get(base, base + TENANT_SPAN)?.position;
  const head = Math.max(trimmed ?? 0, newest == null ? 0 : newest - base);
  const why = mark.sameBoot
    ? 'the write-ahead log was cut, damaged or missing, or an older copy was restored'
    : 'the machine went down and DURABILITY=normal does not sync every commit, or an older copy was restored';
  log(
    `The end of the log is missing: of tenant ${name ?? `number ${tenantNo}`} positions ${head + 1} to ` +
      `${mark.key - base} were acknowledged and are gone (${why}). Followers are told.`,
  );
}
