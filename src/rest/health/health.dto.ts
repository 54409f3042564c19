import { ApiExtraModels, ApiProperty, ApiPropertyOptional, getSchemaPath } from '@nestjs/swagger';
import type { Health } from './health-indicators.js';

/** Responses of the health endpoints, for OpenAPI. */

class EndpointsDto {
  @ApiProperty() web_ui: string;
  @ApiProperty() mcp_agents: string;
  @ApiProperty() broadcast: string;
}

class ServedPortDto {
  @ApiProperty({ type: 'integer' }) websocket_port: number;
}

export class HealthDto {
  @ApiProperty({ example: 'healthy' }) status: string;
  @ApiProperty() websocket_support: boolean;
  @ApiProperty() endpoints: EndpointsDto;
  @ApiProperty() config: ServedPortDto;
  @ApiProperty() mcpsock_available: boolean;
  @ApiProperty() version: string;
  @ApiProperty({ format: 'date-time' }) timestamp: string;
}

export class LivenessDto {
  @ApiProperty({ example: 'UP' }) status: string;
}

export type OverallHealth = 'UP' | 'DEGRADED' | 'DOWN';
const OVERALL: readonly OverallHealth[] = ['UP', 'DEGRADED', 'DOWN'];

export class ReadinessDto {
  @ApiProperty({ enum: OVERALL }) status: OverallHealth;
  @ApiProperty({ type: [String], description: 'Names of the parts that are not up' }) degraded: string[];
}

class PartDto implements Health {
  @ApiProperty({ enum: ['up', 'degraded', 'down'] }) status: Health['status'];
  @ApiPropertyOptional() detail?: string;
}

@ApiExtraModels(PartDto)
export class HealthDetailsDto {
  @ApiProperty({ enum: OVERALL }) status: OverallHealth;
  @ApiProperty() version: string;
  @ApiProperty({ type: 'integer', description: 'Seconds' }) uptime: number;
  @ApiProperty({ type: 'object', additionalProperties: { $ref: getSchemaPath(PartDto) } })
  parts: Record<string, Health>;
}
