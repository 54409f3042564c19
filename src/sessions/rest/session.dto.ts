import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ANY_JSON } from '../../rest/openapi-document.js';
import { LIMITS, VISIBILITIES } from '../session.js';

/** The bodies and answers of the session endpoints, in OpenAPI. */

const METADATA = { type: 'object', additionalProperties: true } as const;
const TIME = { type: 'number', description: 'Unix seconds' } as const;

export class CreateSessionDto {
  @ApiProperty({ maxLength: LIMITS.purpose }) purpose: string;
  @ApiPropertyOptional(METADATA) metadata?: object;
  @ApiPropertyOptional({ maxLength: LIMITS.sessionId, description: 'An id of your own' }) session_id?: string;
}

export class AddMessageDto {
  @ApiProperty({ maxLength: LIMITS.content }) content: string;
  @ApiPropertyOptional({ enum: VISIBILITIES, default: 'public' }) visibility?: string;
  @ApiPropertyOptional(METADATA) metadata?: object;
  @ApiPropertyOptional({ type: 'integer', description: 'Id of the message it replies to' })
  parent_message_id?: number;
  @ApiPropertyOptional({ maxLength: LIMITS.messageKey, description: 'Makes the request repeatable' })
  message_key?: string;
  @ApiPropertyOptional({ default: 'agent_response' }) message_type?: string;
}

export class SetMemoryDto {
  @ApiProperty({ ...ANY_JSON, description: 'Any JSON' }) value: unknown;
  @ApiPropertyOptional({ type: 'integer', description: 'Seconds to live; 0: no expiry' }) expires_in?: number;
  @ApiPropertyOptional(METADATA) metadata?: object;
  @ApiPropertyOptional({ default: true, description: 'False: fail when the key exists' }) overwrite?: boolean;
  @ApiPropertyOptional({ type: 'integer', description: 'Fail unless the key has this version; 0: is new' })
  if_version?: number;
}

export class SessionDto {
  @ApiProperty() session_id: string;
  @ApiProperty() purpose: string;
  @ApiProperty() created_by: string;
  @ApiProperty(TIME) created_at: number;
  @ApiProperty(TIME) updated_at: number;
  @ApiProperty({ ...TIME, nullable: true }) closed_at: number | null;
  @ApiProperty(METADATA) metadata: object;
  @ApiProperty({ type: 'integer', description: 'The oldest seq that is kept' }) first_seq: number;
}

export class SessionListDto {
  @ApiProperty({ type: [SessionDto] }) sessions: SessionDto[];
  @ApiProperty({ type: String, nullable: true }) next_cursor: string | null;
}

export class MessageDto {
  @ApiProperty({ type: 'integer', description: '1, 2, 3 … within the session' }) seq: number;
  @ApiProperty({ type: 'integer' }) id: number;
  @ApiProperty() session_id: string;
  @ApiProperty() sender: string;
  @ApiProperty() sender_type: string;
  @ApiProperty() content: string;
  @ApiProperty({ enum: VISIBILITIES }) visibility: string;
  @ApiProperty() message_type: string;
  @ApiProperty(TIME) timestamp: number;
  @ApiProperty({ type: 'integer', nullable: true }) parent_message_id: number | null;
  @ApiProperty(METADATA) metadata: object;
}

export class MessageListDto {
  @ApiProperty({ type: [MessageDto] }) messages: MessageDto[];
  @ApiProperty({ type: 'integer' }) total_count: number;
  @ApiProperty() has_more: boolean;
}

class SearchHitDto {
  @ApiProperty() message: MessageDto;
  @ApiProperty({ type: 'number', description: '0 to 100' }) score: number;
}

export class SearchResultDto {
  @ApiProperty({ type: [SearchHitDto] }) results: SearchHitDto[];
  @ApiProperty({ type: 'integer', description: 'How many reach the threshold' }) total: number;
}

class ParticipantDto {
  @ApiProperty() agent_id: string;
  @ApiProperty({ type: 'integer' }) connections: number;
}

export class PresenceDto {
  @ApiProperty({ type: [ParticipantDto] }) participants: ParticipantDto[];
}

export class MemoryEntryDto {
  @ApiProperty() key: string;
  @ApiProperty({ ...ANY_JSON, description: 'Any JSON' }) value: unknown;
  @ApiProperty({ type: String, nullable: true }) session_id: string | null;
  @ApiProperty(METADATA) metadata: object;
  @ApiProperty(TIME) created_at: number;
  @ApiProperty({ format: 'date-time' }) updated_at: string;
  @ApiProperty({ ...TIME, nullable: true }) expires_at: number | null;
  @ApiProperty({ type: 'integer' }) version: number;
}

export class MemoryListDto {
  @ApiProperty({ type: [MemoryEntryDto] }) entries: MemoryEntryDto[];
}
