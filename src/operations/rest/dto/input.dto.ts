import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ANY_JSON } from '../../../rest/openapi-document.js';
import { LIMITS, PRINTABLE_PATTERN } from '../../operation-draft.js';
import { INPUT_LIMITS } from '../../operation-input.js';
import { ReceiptDto } from './event-data.dto.js';

const EVENT_ID = {
  type: String,
  minLength: 1,
  maxLength: LIMITS.eventId,
  pattern: PRINTABLE_PATTERN,
  nullable: true,
  description: 'Your own id makes the call repeatable',
} as const;

export class RequestInputDto {
  @ApiProperty({ minLength: 1, maxLength: INPUT_LIMITS.key, pattern: PRINTABLE_PATTERN, example: 'deploy' })
  key: string;

  @ApiProperty({ minLength: 1, maxLength: INPUT_LIMITS.message, example: 'Deploy to production?' })
  message: string;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    nullable: true,
    description: 'JSON Schema that an answer must match; without one, any JSON is an answer',
    example: { type: 'object', properties: { confirm: { type: 'boolean' } }, required: ['confirm'] },
  })
  schema?: Record<string, unknown> | null;

  @ApiPropertyOptional({
    type: Number,
    minimum: 0,
    exclusiveMinimum: true,
    maximum: INPUT_LIMITS.timeout,
    nullable: true,
    description: 'Seconds until the request expires; by default it stays open while the operation runs',
  })
  timeout?: number | null;

  @ApiPropertyOptional(EVENT_ID)
  event_id?: string | null;
}

export class AnswerInputDto {
  @ApiPropertyOptional({ ...ANY_JSON, description: 'The answer; it must match the schema' })
  answer?: unknown;

  @ApiPropertyOptional({
    type: Boolean,
    nullable: true,
    description: 'Refuses to answer, instead of an answer',
  })
  declined?: boolean | null;

  @ApiPropertyOptional(EVENT_ID)
  event_id?: string | null;
}

export class InputReceiptDto extends ReceiptDto {
  @ApiProperty() key: string;
}
