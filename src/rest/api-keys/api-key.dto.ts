import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ArrayMaxSize, IsArray, IsIn, IsInt, IsOptional, IsString, Length, Max, Min } from 'class-validator';
import { ROLES, SCOPES, type Role, type Scope } from '../../auth/principal.js';
import type { ApiKey } from '../../auth/api-keys/api-key.js';

/** Ten years, in seconds. */
const MAX_EXPIRES_IN = 10 * 366 * 24 * 3600;

export class CreateApiKeyDto {
  @ApiProperty({ example: 'nightly build', minLength: 1, maxLength: 100 })
  @IsString()
  @Length(1, 100)
  name: string;

  @ApiPropertyOptional({
    enum: SCOPES,
    isArray: true,
    maxItems: SCOPES.length,
    nullable: true,
    description: 'Default: what the role allows',
  })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(SCOPES.length)
  @IsIn(SCOPES, { each: true })
  scopes?: Scope[];

  @ApiPropertyOptional({
    enum: ROLES,
    description: 'Default: user, which has every scope but admin',
  })
  @IsOptional()
  @IsIn(ROLES)
  role?: Role;

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 1,
    maximum: MAX_EXPIRES_IN,
    nullable: true,
    description: 'Seconds; without it the key holds until it is revoked',
  })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_EXPIRES_IN)
  expires_in?: number;

  @ApiPropertyOptional({
    type: String,
    minLength: 1,
    maxLength: 200,
    nullable: true,
    description: 'Whom requests with the key count as; default: its creator',
  })
  @IsOptional()
  @IsString()
  @Length(1, 200)
  user_id?: string;
}

/** A key as it is shown; times are Unix seconds. */
export class ApiKeyDto {
  @ApiProperty() id: string;
  @ApiProperty() name: string;
  @ApiProperty() user_id: string;
  @ApiProperty({ enum: SCOPES, isArray: true }) scopes: Scope[];
  @ApiProperty() created_at: number;
  @ApiProperty({ type: Number, nullable: true }) expires_at: number | null;
}

/** With the secret, which is shown only once. */
export class CreatedApiKeyDto extends ApiKeyDto {
  @ApiProperty({ description: 'The key itself: 64 hex digits, shown this once' }) key: string;
}

export class ApiKeyListDto {
  @ApiProperty({ type: [ApiKeyDto] }) keys: ApiKeyDto[];
}

export function toDto({ id, name, userId, scopes, createdAt, expiresAt }: ApiKey): ApiKeyDto {
  return { id, name, user_id: userId, scopes: [...scopes], created_at: createdAt, expires_at: expiresAt };
}
