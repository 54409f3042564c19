import { OpstreamError } from '../../platform/errors/opstream-error.js';

const ISO = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?))?(Z|[+-]\d\d:?\d\d)?$/i;

/** Unix seconds of an ISO 8601 time; without a zone it is UTC. @throws OpstreamError `invalid_datetime` */
export function parseTime(text: string): number {
  const [, day, time = '00:00', zone = 'Z'] = ISO.exec(text.trim()) ?? [];
  const at =
    day === undefined ? Number.NaN : Date.parse(`${day}T${time.replace(',', '.')}${withColon(zone)}`);
  if (Number.isNaN(at)) throw new OpstreamError('invalid_datetime', 'Invalid datetime format');
  return at / 1000;
}

/** The same, or Unix seconds as text. @throws OpstreamError `invalid_datetime` */
export function parseTimeOrSeconds(text: string): number {
  return /^\d{1,12}(\.\d+)?$/.test(text.trim()) ? Number(text) : parseTime(text);
}

function withColon(zone: string): string {
  return /^[+-]\d{4}$/.test(zone) ? `${zone.slice(0, 3)}:${zone.slice(3)}` : zone.toUpperCase();
}
