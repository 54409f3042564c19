import { Module } from '@nestjs/common';
import { ApiKeysController } from './api-keys.controller.js';

/** REST endpoints that create, list and revoke API keys (docs/security.md). */
@Module({ controllers: [ApiKeysController] })
export class ApiKeysModule {}
