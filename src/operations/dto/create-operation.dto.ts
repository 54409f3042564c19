import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsObject, IsOptional, IsString, MaxLength, MinLength } from 'class-validator';
import { LIMITS } from '../operation-draft.js';

export class CreateOperationDto {
  @ApiProperty({ example: 'code_generation', maxLength: LIMITS.name })
  @IsString()
  @MinLength(1)
  @MaxLength(LIMITS.name)
  operation_type: string;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    example: { user_request: 'Sort a list' },
  })
  @IsOptional()
  @IsObject()
  metadata?: Record<string, unknown>;

  @ApiPropertyOptional({ description: 'Your own id makes the call repeatable; a UUID is given without it' })
  @IsOptional()
  @IsString()
  @MaxLength(128)
  operation_id?: string;
}
