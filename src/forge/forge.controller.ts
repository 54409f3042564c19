import { Controller, Param, Post, Res, UseFilters, UseGuards } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { AuthGuard, requireScope, RequireScope } from '../auth/auth.guard.js';
import { CurrentPrincipal } from '../auth/current-principal.decorator.js';
import type { Principal } from '../auth/principal.js';
import { OperationDto } from '../operations/rest/dto/operation.dto.js';
import type { OperationSnapshot } from '../client/protocol/operation-events.js';
import { toSnapshot } from '../operations/operation-snapshot.js';
import { ProblemDetailsFilter } from '../rest/problem-details.filter.js';
import { ForgeMirrors } from './mirror/forge-mirrors.service.js';

/** Forge attempts over REST; everything else about them is read from their operations. */
@ApiTags('forge')
@Controller('api/forge/attempts')
@UseGuards(AuthGuard)
@UseFilters(ProblemDetailsFilter)
export class ForgeController {
  constructor(private readonly mirrors: ForgeMirrors) {}

  @Post(':id/watch')
  @RequireScope('forge')
  @ApiOperation({
    operationId: 'watch_forge_attempt',
    summary:
      'Mirror an attempt into an operation until its run ends; everyone who watches it shares the operation',
  })
  @ApiCreatedResponse({ type: OperationDto })
  @ApiOkResponse({ type: OperationDto, description: 'The attempt is being mirrored, or was to its end' })
  async watch(
    @Param('id') attemptId: string,
    @CurrentPrincipal() caller: Principal,
    @Res({ passthrough: true }) response: { status(code: number): unknown },
  ): Promise<OperationSnapshot> {
    requireScope(caller, 'operations:write');
    const { operation, created } = await this.mirrors.watch(caller.tenant, attemptId);
    response.status(created ? 201 : 200);
    return toSnapshot(operation);
  }
}
