import { ApiProperty, ApiPropertyOptional, PartialType } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  Length,
  Max,
  MaxLength,
  Min,
} from 'class-validator';
import {
  DELIVERY_STATES,
  TEST_EVENT,
  WEBHOOK_EVENTS,
  type Delivery,
  type DeliveryState,
  type Webhook,
  type WebhookEvent,
} from '../webhook.js';
import type { DeliveryPage } from '../webhook-store.js';

export class CreateWebhookDto {
  @ApiProperty({
    minLength: 1,
    maxLength: 2000,
    description: 'An http or https address',
    example: 'https://example.com/hook',
  })
  @IsString()
  @Length(1, 2000)
  url: string;

  @ApiPropertyOptional({ maxLength: 200 })
  @IsOptional()
  @IsString()
  @MaxLength(200)
  description?: string;

  @ApiPropertyOptional({
    enum: WEBHOOK_EVENTS,
    isArray: true,
    uniqueItems: true,
    maxItems: WEBHOOK_EVENTS.length,
    description: 'Default: all of them',
  })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(WEBHOOK_EVENTS.length)
  @IsIn(WEBHOOK_EVENTS, { each: true })
  events?: WebhookEvent[];

  @ApiPropertyOptional({
    type: String,
    minLength: 1,
    maxLength: 200,
    nullable: true,
    description: 'An operation type, or the beginning of one followed by *; default: any',
    example: 'mcp.tool/*',
  })
  @IsOptional()
  @IsString()
  @Length(1, 200)
  operation_type?: string | null;

  @ApiPropertyOptional({
    maxLength: 100,
    description: 'whsec_ and the base64 of 24 to 64 bytes; default: a new one',
  })
  @IsOptional()
  @IsString()
  @MaxLength(100)
  secret?: string;
}

export class UpdateWebhookDto extends PartialType(CreateWebhookDto) {
  @ApiPropertyOptional({ description: 'What waits is sent once it is enabled again' })
  @IsOptional()
  @IsBoolean()
  enabled?: boolean;
}

export class DeliveryQueryDto {
  @ApiPropertyOptional({ enum: DELIVERY_STATES })
  @IsOptional()
  @IsIn(DELIVERY_STATES)
  state?: DeliveryState;

  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: 100, default: 20 })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(100)
  limit?: number;

  @ApiPropertyOptional({ type: 'integer', minimum: 1, description: 'next_cursor of the page before' })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  cursor?: number;
}

/** A webhook as it is shown; times are Unix seconds. */
export class WebhookDto {
  @ApiProperty() id: string;
  @ApiProperty() url: string;
  @ApiProperty() description: string;
  @ApiProperty({ enum: WEBHOOK_EVENTS, isArray: true, description: 'Empty: all of them' })
  events: WebhookEvent[];
  @ApiProperty({ type: String, nullable: true }) operation_type: string | null;
  @ApiProperty() enabled: boolean;
  @ApiProperty({ type: String, nullable: true, description: 'Why the service disabled it' })
  disabled_reason: string | null;
  @ApiProperty({ description: 'It is in WEBHOOKS, and cannot be changed here' }) configured: boolean;
  @ApiProperty() created_at: number;
}

/** With the secret, which is shown only once. */
export class CreatedWebhookDto extends WebhookDto {
  @ApiProperty({ description: 'What messages are signed with; shown this once' }) secret: string;
}

export class WebhookListDto {
  @ApiProperty({ type: [WebhookDto] }) webhooks: WebhookDto[];
}

export class AttemptDto {
  @ApiProperty() at: number;
  @ApiProperty({ type: 'integer', description: 'Milliseconds' }) duration_ms: number;
  @ApiProperty({ type: 'integer', nullable: true, description: 'Null without a response' })
  status: number | null;
  @ApiProperty({ description: "The first 1024 bytes of the response's body" }) response: string;
  @ApiProperty({ type: String, nullable: true, description: 'Why there was no response' })
  error: string | null;
}

export class DeliveryDto {
  @ApiProperty({ description: 'The webhook-id of every attempt' }) id: string;
  @ApiProperty({ enum: [...WEBHOOK_EVENTS, TEST_EVENT] }) event: string;
  @ApiProperty({ type: String, nullable: true }) operation_id: string | null;
  @ApiProperty({ enum: DELIVERY_STATES }) state: DeliveryState;
  @ApiProperty({ type: 'integer' }) attempts: number;
  @ApiProperty() created_at: number;
  @ApiProperty({ type: Number, nullable: true, description: 'Unix seconds, while it is pending' })
  next_attempt_at: number | null;
  @ApiProperty({ description: "The request's body" }) body: string;
  @ApiProperty({ type: AttemptDto, nullable: true }) last_attempt: AttemptDto | null;
}

export class DeliveryListDto {
  @ApiProperty({ type: [DeliveryDto] }) deliveries: DeliveryDto[];
  @ApiProperty({ type: 'integer', nullable: true }) next_cursor: number | null;
}

export class TestedDto {
  @ApiProperty({ description: 'The delivery that the test became' }) delivery_id: string;
}

export function toWebhookDto(webhook: Webhook, configured: boolean): WebhookDto {
  return {
    id: webhook.id,
    url: webhook.url,
    description: webhook.description,
    events: [...webhook.events],
    operation_type: webhook.operationType,
    enabled: webhook.enabled,
    disabled_reason: webhook.disabledReason,
    configured,
    created_at: webhook.createdAt,
  };
}

export function toDeliveryListDto({ deliveries, nextCursor }: DeliveryPage): DeliveryListDto {
  return { deliveries: deliveries.map(toDeliveryDto), next_cursor: nextCursor };
}

function toDeliveryDto({ last, nextAt, ...delivery }: Delivery): DeliveryDto {
  return {
    id: delivery.id,
    event: delivery.event,
    operation_id: delivery.operationId,
    state: delivery.state,
    attempts: delivery.attempts,
    created_at: delivery.createdAt,
    next_attempt_at: delivery.state === 'pending' ? nextAt : null,
    body: delivery.body,
    last_attempt: last && {
      at: last.at,
      duration_ms: last.duration,
      status: last.status,
      response: last.response,
      error: last.error,
    },
  };
}
