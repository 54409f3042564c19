import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ANY_JSON } from '../../rest/openapi-document.js';
import type { InvalidBody, InvalidBodyDetail } from './broadcast-body.js';

export class BroadcastResultDto {
  @ApiProperty() success: boolean;
  @ApiPropertyOptional() session_id?: string;
  @ApiPropertyOptional({ description: 'Why nothing was sent' }) error?: string;
}

class InvalidBodyDetailDto implements InvalidBodyDetail {
  @ApiProperty({ enum: ['dict_type', 'json_invalid', 'missing'] }) type: InvalidBodyDetail['type'];
  @ApiProperty({ type: 'array', items: { ...ANY_JSON } }) loc: (string | number)[];
  @ApiProperty() msg: string;
  @ApiProperty({ ...ANY_JSON, description: 'What was sent' }) input: unknown;
}

export class InvalidBodyDto implements InvalidBody {
  @ApiProperty({ type: [InvalidBodyDetailDto] }) detail: InvalidBodyDetailDto[];
}
