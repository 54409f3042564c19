import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional, IsString, Matches } from 'class-validator';
import { BACKUP_FILE_PATTERN } from '../../backup.service.js';

export class CreateBackupDto {
  @ApiPropertyOptional({
    type: String,
    pattern: BACKUP_FILE_PATTERN,
    nullable: true,
    description: 'Name of a new file in BACKUP_DIR; default: one with the time',
  })
  @IsOptional()
  @IsString()
  @Matches(new RegExp(BACKUP_FILE_PATTERN))
  file?: string | null;
}

export class BackupDto {
  @ApiProperty({ example: 'opstream-20261128T110900Z.db' }) file: string;
  @ApiProperty({ description: "Where it lies, on the service's machine" }) path: string;
  @ApiProperty({ type: 'integer' }) bytes: number;
  @ApiProperty({ type: 'integer', description: 'Operations of all tenants in the copy' }) operations: number;
  @ApiProperty({ description: "The highest position of the caller's log that the copy holds" }) mark: string;
}
