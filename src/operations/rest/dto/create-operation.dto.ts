import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Allow, IsObject, IsOptional, Length } from 'class-validator';
import { LIMITS } from '../../operation-draft.js';

export class CreateOperationDto {
  @ApiProperty({ example: 'code_generation', minLength: 1, maxLength: LIMITS.name })
  @Length(1, LIMITS.name, { message: `operation_type must be a string of 1 to ${LIMITS.name} characters` })
  operation_type: string;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    nullable: true,
    example: { user_request: 'Sort a list' },
  })
  @IsOptional()
  @IsObject()
  metadata?: Record<string, unknown>;

  @ApiPropertyOptional({
    type: String,
    maxLength: 128,
    nullable: true,
    description: 'Your own id makes the call repeatable; a UUID is given without it',
  })
  // Checked by `parseOperationId`, as on every face.
  @Allow()
  operation_id?: unknown;
}
