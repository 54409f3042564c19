import { OpstreamError } from '../../platform/errors/opstream-error.js';

/** A place in a list of sessions: the time of its last change, and a number for those changed at the same time. */
export interface ListPlace {
  readonly at: number;
  readonly number: number;
}

export function toCursor({ at, number }: ListPlace): string {
  return `${at}-${number}`;
}

/** The place after which to go on; without a cursor, before everything. @throws OpstreamError `invalid_cursor` */
export function parseCursor(cursor: string | undefined): ListPlace {
  if (cursor === undefined) return { at: Infinity, number: 0 };
  const [, at, number] = /^(\d+(?:\.\d+)?)-(\d{1,15})$/.exec(cursor) ?? [];
  if (at === undefined || number === undefined) {
    throw new OpstreamError('invalid_cursor', 'The cursor was not issued by this service');
  }
  return { at: Number(at), number: Number(number) };
}
