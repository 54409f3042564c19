import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { isJsonObject, type JsonValue } from '../../../platform/json.js';
import { OpstreamError } from '../../../platform/errors/opstream-error.js';
import { CACHE_LIMITS, DEFAULT_CACHE_TTL } from '../../result-cache.js';
import { LEASE_SECONDS, LIMITS, OPERATION_ID_PATTERN, PRINTABLE_PATTERN } from '../../operation-draft.js';

export class CreateOperationDto {
  @ApiProperty({
    example: 'code_generation',
    minLength: 1,
    maxLength: LIMITS.name,
    pattern: PRINTABLE_PATTERN,
  })
  operation_type: string;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    nullable: true,
    example: { user_request: 'Sort a list' },
  })
  metadata?: Record<string, unknown> | null;

  @ApiPropertyOptional({
    type: String,
    pattern: OPERATION_ID_PATTERN,
    nullable: true,
    description: 'Your own id makes the call repeatable; a UUID is given without it',
  })
  operation_id?: string | null;

  @ApiPropertyOptional({
    type: Number,
    minimum: LEASE_SECONDS.min,
    maximum: LEASE_SECONDS.max,
    nullable: true,
    description:
      'Ends the operation as an error of type Stalled when nothing is heard of its producer for so long; every event renews it, and so does an empty batch of events',
  })
  lease_seconds?: number | null;

  @ApiPropertyOptional({
    type: String,
    pattern: OPERATION_ID_PATTERN,
    nullable: true,
    description: 'The operation that this one is a part of',
  })
  parent_operation_id?: string | null;

  @ApiPropertyOptional({
    type: String,
    minLength: 1,
    maxLength: CACHE_LIMITS.key,
    pattern: PRINTABLE_PATTERN,
    nullable: true,
    example: 'report:2026-11',
    description:
      'Shares the work: while an operation of this type with this key runs, or for ttl seconds after it completed, it is answered with cached: true instead of opening another',
  })
  cache_key?: string | null;

  @ApiPropertyOptional({
    type: Number,
    minimum: 0,
    maximum: CACHE_LIMITS.ttl,
    nullable: true,
    description: `Seconds after its end that the result may be handed out, ${DEFAULT_CACHE_TTL} by default; the shorter of the first caller and this one counts. 0 shares running work only`,
  })
  ttl?: number | null;
}

const MEMBERS = new Set([
  'operation_type',
  'metadata',
  'operation_id',
  'lease_seconds',
  'parent_operation_id',
  'cache_key',
  'ttl',
]);

/**
 * Reads a body as it came: the service checks its members, as it does for every transport, and a library that copies
 * them would lose names such as `__proto__` and the digits of long integers.
 * @throws OpstreamError `invalid_request` for a body that is not an object, or has an unknown member
 */
export function parseCreateOperation(body: unknown): Readonly<Record<string, JsonValue | undefined>> {
  if (!isJsonObject(body)) throw new OpstreamError('invalid_request', 'The body must be a JSON object');
  for (const member in body) {
    if (!MEMBERS.has(member)) {
      throw new OpstreamError(
        'invalid_request',
        `An operation has no field "${member.slice(0, 50)}"; put your own data in metadata`,
      );
    }
  }
  return body;
}
