import { Body, Controller, Delete, Get, HttpCode, Param, Post, UseFilters, UseGuards } from '@nestjs/common';
import {
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import { ProblemDetailsFilter } from '../problem-details.filter.js';
import { RequestValidationPipe } from '../request-validation.pipe.js';
import { Audited } from '../../auth/audited.decorator.js';
import { AuthGuard, RequireScope } from '../../auth/auth.guard.js';
import { CurrentPrincipal } from '../../auth/current-principal.decorator.js';
import { type Principal, scopesOfRole } from '../../auth/principal.js';
import { ApiKeyListDto, CreateApiKeyDto, CreatedApiKeyDto, toDto } from './api-key.dto.js';
import { ApiKeys } from '../../auth/api-keys/api-keys.js';

/** API keys of the caller's tenant, for its administrators. */
@ApiTags('keys')
@Controller('api/keys')
@UseGuards(AuthGuard)
@UseFilters(ProblemDetailsFilter)
@RequireScope('admin')
export class ApiKeysController {
  constructor(private readonly keys: ApiKeys) {}

  @Post()
  @Audited('api_key_created')
  @ApiOperation({ operationId: 'create_api_key', summary: 'Create an API key; it is shown only once' })
  @ApiCreatedResponse({ type: CreatedApiKeyDto })
  async create(
    @Body(RequestValidationPipe) body: CreateApiKeyDto,
    @CurrentPrincipal() caller: Principal,
  ): Promise<CreatedApiKeyDto> {
    const { key, secret } = await this.keys.create({
      name: body.name,
      tenant: caller.tenant,
      userId: body.user_id ?? caller.userId,
      scopes: body.scopes ?? [...scopesOfRole(body.role ?? 'user')],
      expiresIn: body.expires_in,
    });
    return Object.assign(toDto(key), { key: secret });
  }

  @Get()
  @ApiOperation({ operationId: 'list_api_keys', summary: 'The keys of the tenant, without their secrets' })
  @ApiOkResponse({ type: ApiKeyListDto })
  list(@CurrentPrincipal() caller: Principal): ApiKeyListDto {
    return { keys: this.keys.list(caller.tenant).map(toDto) };
  }

  @Delete(':id')
  @Audited('api_key_revoked')
  @HttpCode(204)
  @ApiOperation({ operationId: 'revoke_api_key', summary: 'End a key and every connection it opened' })
  @ApiNoContentResponse()
  revoke(@Param('id') id: string, @CurrentPrincipal() caller: Principal): Promise<void> {
    return this.keys.revoke(caller.tenant, id);
  }
}
