import { type ArgumentMetadata, BadRequestException, Injectable, ValidationPipe } from '@nestjs/common';
import { OpstreamError } from '../platform/errors/opstream-error.js';
import { MAX_JSON_DEPTH, measure } from '../platform/json.js';

/** Members and items of a body that is copied into a DTO; copying takes quadratic time. */
const MAX_NODES = 1000;
/** Maximum reasons listed in a response. */
const MAX_REASONS = 5;

/** Validates DTOs. Applied per parameter, not globally: global pipes would also run on gateways. */
@Injectable()
export class RequestValidationPipe extends ValidationPipe {
  constructor() {
    super({
      whitelist: true,
      forbidNonWhitelisted: true,
      transform: true,
      exceptionFactory: (errors) =>
        new BadRequestException(
          this.flattenValidationErrors(errors)
            .slice(0, MAX_REASONS)
            .map((reason) => reason.slice(0, 200)),
        ),
    });
  }

  /** @throws OpstreamError `invalid_request` for nesting or a number of members beyond what the validator can handle */
  override transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    const over = measure(value, { depth: MAX_JSON_DEPTH, nodes: MAX_NODES });
    if (over === 'depth') {
      throw new OpstreamError('invalid_request', `Nested more than ${MAX_JSON_DEPTH} levels deep`);
    }
    if (over === 'nodes') {
      throw new OpstreamError('invalid_request', `A body may have ${MAX_NODES} members and items here`);
    }
    return super.transform(value, metadata) as Promise<unknown>;
  }
}
