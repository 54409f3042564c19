import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Param,
  Patch,
  Post,
  Query,
  UseFilters,
  UseGuards,
} from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import { Audited } from '../../auth/audited.decorator.js';
import { AuthGuard, RequireScope } from '../../auth/auth.guard.js';
import { CurrentPrincipal } from '../../auth/current-principal.decorator.js';
import type { Principal } from '../../auth/principal.js';
import { ProblemDetailsFilter } from '../../rest/problem-details.filter.js';
import { RequestValidationPipe } from '../../rest/request-validation.pipe.js';
import type { Webhook } from '../webhook.js';
import { WebhooksService } from '../webhooks.service.js';
import {
  CreatedWebhookDto,
  CreateWebhookDto,
  DeliveryListDto,
  DeliveryQueryDto,
  TestedDto,
  toDeliveryListDto,
  toWebhookDto,
  UpdateWebhookDto,
  WebhookDto,
  WebhookListDto,
} from './webhook.dto.js';

/** Deliveries of a page, unless the request says otherwise. */
const PAGE = 20;

/** Webhooks of the caller's tenant, for its administrators. */
@ApiTags('webhooks')
@Controller('api/webhooks')
@UseGuards(AuthGuard)
@UseFilters(ProblemDetailsFilter)
@RequireScope('admin')
export class WebhooksController {
  constructor(private readonly webhooks: WebhooksService) {}

  @Post()
  @Audited('webhook_created')
  @ApiOperation({ operationId: 'create_webhook', summary: 'Have an address told of the ends of operations' })
  @ApiCreatedResponse({ type: CreatedWebhookDto })
  async create(
    @Body(RequestValidationPipe) { operation_type: operationType, ...body }: CreateWebhookDto,
    @CurrentPrincipal() { tenant }: Principal,
  ): Promise<CreatedWebhookDto> {
    const webhook = await this.webhooks.create(tenant, { ...body, operationType });
    return Object.assign(this.shown(webhook), { secret: webhook.secret });
  }

  @Get()
  @ApiOperation({
    operationId: 'list_webhooks',
    summary: 'The webhooks of the tenant, without their secrets',
  })
  @ApiOkResponse({ type: WebhookListDto })
  list(@CurrentPrincipal() { tenant }: Principal): WebhookListDto {
    return { webhooks: this.webhooks.of(tenant).map((webhook) => this.shown(webhook)) };
  }

  @Get(':id')
  @ApiOperation({ operationId: 'get_webhook', summary: 'One webhook' })
  @ApiOkResponse({ type: WebhookDto })
  get(@Param('id') id: string, @CurrentPrincipal() { tenant }: Principal): WebhookDto {
    return this.shown(this.webhooks.get(tenant, id));
  }

  @Patch(':id')
  @Audited('webhook_changed')
  @ApiOperation({ operationId: 'update_webhook', summary: 'Change a webhook, or enable it again' })
  @ApiOkResponse({ type: WebhookDto })
  async update(
    @Param('id') id: string,
    @Body(RequestValidationPipe) { operation_type: operationType, ...body }: UpdateWebhookDto,
    @CurrentPrincipal() { tenant }: Principal,
  ): Promise<WebhookDto> {
    return this.shown(await this.webhooks.update(tenant, id, { ...body, operationType }));
  }

  @Delete(':id')
  @Audited('webhook_removed')
  @HttpCode(204)
  @ApiOperation({ operationId: 'delete_webhook', summary: 'Remove a webhook with its deliveries' })
  @ApiNoContentResponse()
  remove(@Param('id') id: string, @CurrentPrincipal() { tenant }: Principal): Promise<void> {
    return this.webhooks.remove(tenant, id);
  }

  @Post(':id/test')
  @HttpCode(202)
  @ApiOperation({ operationId: 'test_webhook', summary: 'Send a test message to a webhook' })
  @ApiAcceptedResponse({ type: TestedDto })
  async test(@Param('id') id: string, @CurrentPrincipal() { tenant }: Principal): Promise<TestedDto> {
    return { delivery_id: await this.webhooks.test(tenant, id) };
  }

  @Get(':id/deliveries')
  @ApiOperation({ operationId: 'list_webhook_deliveries', summary: 'What a webhook was told, newest first' })
  @ApiOkResponse({ type: DeliveryListDto })
  async deliveries(
    @Param('id') id: string,
    @Query(RequestValidationPipe) { limit = PAGE, ...query }: DeliveryQueryDto,
    @CurrentPrincipal() { tenant }: Principal,
  ): Promise<DeliveryListDto> {
    return toDeliveryListDto(await this.webhooks.deliveries(tenant, id, { ...query, limit }));
  }

  @Post(':id/deliveries/:delivery/repeat')
  @Audited('webhook_delivery_repeated')
  @HttpCode(204)
  @ApiOperation({
    operationId: 'repeat_webhook_delivery',
    summary: 'Send a delivery again, under the same id',
  })
  @ApiNoContentResponse()
  repeat(
    @Param('id') id: string,
    @Param('delivery') delivery: string,
    @CurrentPrincipal() { tenant }: Principal,
  ): Promise<void> {
    return this.webhooks.repeat(tenant, id, delivery);
  }

  private shown(webhook: Webhook): WebhookDto {
    return toWebhookDto(webhook, this.webhooks.isConfigured(webhook));
  }
}
