import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import type { InputRequestSnapshot } from '../../../client/protocol/operation-events.js';
import type { JsonObject } from '../../../platform/json.js';

/** An open request for input in OpenAPI. */
export class InputRequestDto implements InputRequestSnapshot {
  @ApiProperty({ description: 'Names the request; answer to it' }) key: string;
  @ApiProperty() message: string;
  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    nullable: true,
    description: 'JSON Schema of the answer; null for any JSON. Not in lists',
  })
  schema?: JsonObject | null;
  @ApiProperty({ type: Number, nullable: true, description: 'Unix seconds' }) expires_at: number | null;
  @ApiProperty({ type: 'integer', description: 'The event that asked' }) seq: number;
}
