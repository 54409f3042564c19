import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { PRODUCER_EVENT_TYPES } from '../../operation-draft.js';
import { ANY_JSON } from './any-json.js';
import { OperationDto } from './operation.dto.js';

/** Bodies of the event endpoints, for OpenAPI; `operation-draft.ts` validates them, as it does for every face. */
class EventEnvelopeDto {
  @ApiPropertyOptional({ description: 'May repeat the id of the path' })
  operation_id?: string;

  @ApiPropertyOptional({ description: 'Your own id of the event: a repeat of it is recorded once' })
  event_id?: string;
}

export class ProgressDto extends EventEnvelopeDto {
  @ApiProperty({ minimum: 0, maximum: 1, example: 0.5 })
  progress: number;

  @ApiPropertyOptional({ example: 'Generating code...' })
  message?: string;

  @ApiPropertyOptional({ type: 'object', additionalProperties: true, example: { lines_generated: 42 } })
  details?: Record<string, unknown>;
}

export class StatusDto extends EventEnvelopeDto {
  @ApiProperty({ example: 'processing' })
  status: string;

  @ApiPropertyOptional()
  message?: string;

  @ApiPropertyOptional({ type: 'object', additionalProperties: true })
  details?: Record<string, unknown>;
}

export class LogDto extends EventEnvelopeDto {
  @ApiProperty({ example: 'Successfully validated code' })
  message: string;

  @ApiPropertyOptional({ example: 'info', default: 'info' })
  level?: string;

  @ApiPropertyOptional({ type: 'object', additionalProperties: true })
  details?: Record<string, unknown>;
}

export class ResultDto extends EventEnvelopeDto {
  @ApiProperty(ANY_JSON)
  result: unknown;
}

export class ErrorDto extends EventEnvelopeDto {
  @ApiProperty({ example: 'Code validation failed' })
  error: string;

  @ApiPropertyOptional({ example: 'ValidationError', default: 'UnknownError' })
  error_type?: string;

  @ApiPropertyOptional({ type: 'object', additionalProperties: true })
  details?: Record<string, unknown>;
}

export class CancelDto extends EventEnvelopeDto {
  @ApiPropertyOptional()
  reason?: string;
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
