import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ANY_JSON } from '../../../rest/openapi-document.js';
import {
  LIMITS,
  OPERATION_ID_PATTERN,
  PRINTABLE_PATTERN,
  PRODUCER_EVENT_TYPES,
} from '../../operation-draft.js';
import { OperationDto } from './operation.dto.js';

/** Bodies of the event endpoints, for OpenAPI; `operation-draft.ts` validates them, as for every transport. */

// Defaults are in descriptions: generators make a field with a default required.

/** An optional field that is null counts as absent. */
const optional = { type: String, nullable: true } as const;
const CUT = `More than ${LIMITS.message} characters are cut, with a mark`;
const message = { ...optional, description: CUT };
const details = { type: 'object', additionalProperties: true, nullable: true } as const;
const name = { minLength: 1, maxLength: LIMITS.name } as const;

class EventEnvelopeDto {
  @ApiPropertyOptional({
    ...optional,
    pattern: OPERATION_ID_PATTERN,
    description: 'May repeat the id of the path; another one is refused',
  })
  operation_id?: string | null;

  @ApiPropertyOptional({
    ...optional,
    minLength: 1,
    maxLength: LIMITS.eventId,
    pattern: PRINTABLE_PATTERN,
    description: 'Your own id of the event: a repeat of it is recorded once',
  })
  event_id?: string | null;
}

export class ProgressDto extends EventEnvelopeDto {
  @ApiProperty({ minimum: 0, maximum: 1, example: 0.5 })
  progress: number;

  @ApiPropertyOptional({ ...message, example: 'Generating code...' })
  message?: string | null;

  @ApiPropertyOptional({ ...details, example: { lines_generated: 42 } })
  details?: Record<string, unknown> | null;
}

export class StatusDto extends EventEnvelopeDto {
  @ApiProperty({ ...name, example: 'processing' })
  status: string;

  @ApiPropertyOptional(message)
  message?: string | null;

  @ApiPropertyOptional(details)
  details?: Record<string, unknown> | null;
}

export class LogDto extends EventEnvelopeDto {
  @ApiProperty({ description: CUT, example: 'Successfully validated code' })
  message: string;

  @ApiPropertyOptional({ ...optional, ...name, example: 'warn', description: 'Default: info' })
  level?: string | null;

  @ApiPropertyOptional(details)
  details?: Record<string, unknown> | null;
}

export class ResultDto extends EventEnvelopeDto {
  @ApiProperty(ANY_JSON)
  result: unknown;
}

export class ErrorDto extends EventEnvelopeDto {
  @ApiProperty({ description: CUT, example: 'Code validation failed' })
  error: string;

  @ApiPropertyOptional({
    ...optional,
    minLength: 1,
    example: 'ValidationError',
    description: `Default: UnknownError; more than ${LIMITS.name} characters are cut`,
  })
  error_type?: string | null;

  @ApiPropertyOptional(details)
  details?: Record<string, unknown> | null;
}

export class CancelDto extends EventEnvelopeDto {
  @ApiPropertyOptional({ ...message, description: 'Recorded with the cancellation' })
  reason?: string | null;

  @ApiPropertyOptional({ default: false, description: 'Cancel everything that runs below it as well' })
  children?: boolean;
}

export class EventDto extends EventEnvelopeDto {
  @ApiProperty({ enum: PRODUCER_EVENT_TYPES })
  event_type: string;

  @ApiProperty({ type: 'object', additionalProperties: true })
  data: Record<string, unknown>;
}

export class BatchItemReceiptDto {
  @ApiProperty({ type: 'integer', description: 'Place of the event in the operation' })
  seq: number;

  @ApiProperty({ description: 'Unix seconds' })
  timestamp: number;

  @ApiProperty({ description: 'True when this event_id was recorded before; the rest is the first answer' })
  repeated: boolean;
}

export class ReceiptDto extends BatchItemReceiptDto {
  @ApiProperty()
  operation_id: string;
}

export class BatchReceiptDto {
  @ApiProperty({ type: OperationDto })
  operation: OperationDto;

  @ApiProperty({ type: [BatchItemReceiptDto], description: 'One per event, in order' })
  receipts: BatchItemReceiptDto[];
}
