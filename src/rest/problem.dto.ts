import { ApiProperty } from '@nestjs/swagger';
import { ERROR_CATALOGUE } from '../platform/errors/error-catalogue.js';
import type { ProblemDetails } from './problem.js';

class ErrorBodyDto {
  @ApiProperty({ description: 'Names this occurrence in the log' }) id: string;
  @ApiProperty({ example: 'CONFLICT' }) code: string;
  @ApiProperty() message: string;
}

/** The response to every failed request, for OpenAPI. Some codes have additional members. */
export class ProblemDto implements ProblemDetails {
  [extra: string]: unknown;

  @ApiProperty({ example: 'urn:opstream:error:operation_ended' }) type: string;
  @ApiProperty({ example: 'Operation has ended' }) title: string;
  @ApiProperty({ type: 'integer', maximum: 599, example: 409 }) status: number;
  @ApiProperty({ description: 'What went wrong this time' }) detail: string;
  @ApiProperty({ enum: Object.keys(ERROR_CATALOGUE) }) code: ProblemDetails['code'];
  @ApiProperty({ type: ErrorBodyDto }) error: ErrorBodyDto;
}
