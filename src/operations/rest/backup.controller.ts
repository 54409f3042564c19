import { Body, Controller, Post, Req, UseFilters, UseGuards } from '@nestjs/common';
import { ApiCreatedResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { AuditLog } from '../../auth/audit-log.js';
import { AuthGuard, RequireScope, type AuthenticatedRequest } from '../../auth/auth.guard.js';
import { CurrentPrincipal } from '../../auth/current-principal.decorator.js';
import type { Principal } from '../../auth/principal.js';
import { ProblemDetailsFilter } from '../../rest/problem-details.filter.js';
import { RequestValidationPipe } from '../../rest/request-validation.pipe.js';
import { BackupService } from '../backup.service.js';
import { BackupDto, CreateBackupDto } from './dto/backup.dto.js';

/** Backups of the store, for administrators. */
@ApiTags('admin')
@Controller('api/admin')
@UseGuards(AuthGuard)
@UseFilters(ProblemDetailsFilter)
@RequireScope('admin')
export class BackupController {
  constructor(
    private readonly backups: BackupService,
    private readonly audit: AuditLog,
  ) {}

  @Post('backup')
  @ApiOperation({
    operationId: 'create_backup',
    summary: 'Copy the store to a new file in BACKUP_DIR while it runs',
  })
  @ApiCreatedResponse({ type: BackupDto })
  async create(
    @Body(RequestValidationPipe) body: CreateBackupDto,
    @CurrentPrincipal() caller: Principal,
    @Req() request: AuthenticatedRequest & { readonly id?: unknown },
  ): Promise<BackupDto> {
    // Without a body, the name contains the time.
    const wanted = (body as CreateBackupDto | undefined)?.file ?? undefined;
    const backup = await this.backups.make(caller.tenant, wanted);
    const { file, path, bytes, operations, mark } = backup;
    this.audit.acted('store_backed_up', caller, request, { target: file, bytes });
    return { file, path, bytes, operations, mark: String(mark) };
  }
}
