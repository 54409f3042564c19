import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import type { InvalidBody, InvalidBodyDetail } from './broadcast-body.js';

export class BroadcastResultDto {
  @ApiProperty() success: boolean;
  @ApiPropertyOptional() session_id?: string;
  @ApiPropertyOptional({ description: 'Why nothing was sent' }) error?: string;
}

class InvalidBodyDetailDto implements InvalidBodyDetail {
  @ApiProperty({ enum: ['dict_type', 'json_invalid', 'missing'] }) type: InvalidBodyDetail['type'];
  @ApiProperty({ type: [String] }) loc: (string | number)[];
  @ApiProperty() msg: string;
  @ApiProperty({ type: 'object', additionalProperties: true, nullable: true }) input: unknown;
}

export class InvalidBodyDto implements InvalidBody {
  @ApiProperty({ type: [InvalidBodyDetailDto] }) detail: InvalidBodyDetailDto[];
}
