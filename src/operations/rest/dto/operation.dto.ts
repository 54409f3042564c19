import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import type { JsonObject, JsonValue } from '../../../platform/json.js';
import type { LogCounts } from '../../../client/protocol/log-level.js';
import type { OperationSnapshot } from '../../../client/protocol/operation-events.js';
import { InputRequestDto } from './input-request.dto.js';
import { ANY_JSON } from '../../../rest/openapi-document.js';

export class LogCountsDto implements LogCounts {
  @ApiProperty({ type: 'integer' }) debug: number;
  @ApiProperty({ type: 'integer' }) info: number;
  @ApiProperty({ type: 'integer' }) warning: number;
  @ApiProperty({ type: 'integer' }) error: number;
}

/** An operation's snapshot in OpenAPI. */
export class OperationDto implements OperationSnapshot {
  @ApiProperty() operation_id: string;
  @ApiProperty() operation_type: string;
  @ApiProperty({ description: 'Unix seconds' }) started_at: number;
  @ApiProperty({ description: 'Free text while running, then completed, error or cancelled' }) status: string;
  @ApiProperty({ minimum: 0, maximum: 1 }) progress: number;
  @ApiProperty({ type: 'object', additionalProperties: true }) metadata: JsonObject;
  @ApiProperty({ type: 'integer', description: 'Events recorded; the seq of the newest' })
  event_count: number;
  @ApiProperty() message: string;
  @ApiProperty({ description: 'Unix seconds' }) updated_at: number;
  @ApiProperty({ type: Number, nullable: true, description: 'Unix seconds' }) ended_at: number | null;
  @ApiProperty({ type: Number, nullable: true, description: 'Seconds' }) duration: number | null;
  @ApiProperty({ type: 'integer', description: 'Lowest seq still stored' }) first_seq: number;
  @ApiProperty({ type: LogCountsDto, description: 'Log events recorded, by level; trimmed ones included' })
  log_counts: LogCountsDto;
  @ApiPropertyOptional({ description: 'Names the log of the operation; not in lists' }) log?: string;
  @ApiPropertyOptional({ ...ANY_JSON, description: 'Any JSON; not in lists' }) result?: JsonValue;
  @ApiPropertyOptional() error?: string;
  @ApiPropertyOptional() error_type?: string;
  @ApiPropertyOptional({ description: 'The operation that this one is a part of' })
  parent_operation_id?: string;
  @ApiPropertyOptional({ description: 'User who opened it; absent for callers without a token' })
  created_by?: string;
  @ApiPropertyOptional({ description: 'User who cancelled it; absent for callers without a token' })
  cancelled_by?: string;
  @ApiPropertyOptional({
    type: [InputRequestDto],
    description: 'What it waits for, while its status is input_required',
  })
  input_requests?: InputRequestDto[];
}

export class CancelledOperationDto extends OperationDto {
  @ApiPropertyOptional({ type: 'integer', description: 'With children: how many others were cancelled' })
  children_cancelled?: number;
  @ApiPropertyOptional({ description: 'There are more than one request cancels; repeat it' })
  children_incomplete?: boolean;
}

/** Operations that match a filter, by state. */
export class OperationCountsDto {
  @ApiProperty({ type: 'integer' }) running: number;
  @ApiProperty({ type: 'integer' }) completed: number;
  @ApiProperty({ type: 'integer' }) error: number;
  @ApiProperty({ type: 'integer' }) cancelled: number;
  @ApiPropertyOptional({ description: 'Counting stopped at its bound: there are at least so many' })
  incomplete?: boolean;
}

/** The answer to a creation. */
export class OpenedOperationDto extends OperationDto {
  @ApiPropertyOptional({
    description:
      'With a cache_key: true when this is the operation of somebody else, running or completed, so that the caller must not run the work',
  })
  cached?: boolean;
}

export class OperationListDto {
  @ApiProperty({ type: [OperationDto] }) operations: OperationDto[];
  @ApiProperty({ type: String, nullable: true }) next_cursor: string | null;
  @ApiPropertyOptional({
    description: 'The search stopped at its bound before the page was full: next_cursor continues it',
  })
  incomplete?: boolean;
  @ApiPropertyOptional({ type: OperationCountsDto }) counts?: OperationCountsDto;
}

export class RecordedEventDto {
  @ApiProperty() event_type: string;
  @ApiProperty() operation_id: string;
  @ApiProperty({ type: 'integer' }) seq: number;
  @ApiProperty({ description: 'Opaque place among all operations' }) position: string;
  @ApiProperty({ description: 'Unix seconds' }) timestamp: number;
  @ApiProperty({ type: 'object', additionalProperties: true }) data: object;
}

export class EventPageDto {
  @ApiProperty({ type: [RecordedEventDto] }) events: RecordedEventDto[];
  @ApiProperty({ type: 'integer', description: 'Lowest seq still stored' }) first_seq: number;
  @ApiProperty({ type: 'integer', description: 'seq of the newest event' }) head_seq: number;
  @ApiProperty({ description: 'There is more to read in this direction' }) has_more: boolean;
  @ApiProperty({ description: 'True when events after after_seq were trimmed' }) history_trimmed: boolean;
  @ApiProperty({ description: 'Names the log; send it along with a later after_seq' }) log: string;
  @ApiPropertyOptional({
    type: 'integer',
    description: 'Lowest seq that was searched; with before_seq, continue before it',
  })
  searched_from?: number;
  @ApiPropertyOptional({
    type: 'integer',
    description: 'Highest seq that was searched; with after_seq, continue after it',
  })
  searched_through?: number;
  @ApiPropertyOptional({
    type: 'integer',
    nullable: true,
    description: 'Matches in the whole stored log; null when they were not all counted',
  })
  total?: number | null;
  @ApiPropertyOptional({
    type: 'integer',
    nullable: true,
    description: 'Matches before searched_from; null when they were not all counted',
  })
  total_before?: number | null;
  @ApiPropertyOptional({ description: 'True when what was read before is not in this log' })
  history_lost?: boolean;
  @ApiPropertyOptional({
    type: 'integer',
    description:
      'With history_lost: up to which seq what was read before still holds; the page begins behind it',
  })
  kept_through?: number;
}
