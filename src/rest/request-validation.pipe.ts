import { type ArgumentMetadata, Injectable, ValidationPipe } from '@nestjs/common';
import { OpstreamError } from '../platform/errors/opstream-error.js';
import { isDeeperThan, MAX_JSON_DEPTH } from '../platform/json.js';

/** Validates DTOs; set per parameter and not globally, because global pipes would run on gateways too. */
@Injectable()
export class RequestValidationPipe extends ValidationPipe {
  constructor() {
    super({ whitelist: true, forbidNonWhitelisted: true, transform: true });
  }

  /** @throws OpstreamError `invalid_request` for nesting on which the validator itself would run out of stack */
  override transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    if (isDeeperThan(value, MAX_JSON_DEPTH)) {
      throw new OpstreamError('invalid_request', `Nested more than ${MAX_JSON_DEPTH} levels deep`);
    }
    return super.transform(value, metadata) as Promise<unknown>;
  }
}
