import { type ArgumentMetadata, BadRequestException, Injectable, ValidationPipe } from '@nestjs/common';
import { OpstreamError } from '../platform/errors/opstream-error.js';
import { MAX_JSON_DEPTH, measure } from '../platform/json.js';

/** Members and items of a body that is copied into a DTO; the copy costs time by the square of them. */
const MAX_NODES = 1000;
/** Reasons that an answer names. */
const MAX_REASONS = 5;

/** Validates DTOs; set per parameter and not globally, because global pipes would run on gateways too. */
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

  /** @throws OpstreamError `invalid_request` for nesting or a number of members that the validator could not take */
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
