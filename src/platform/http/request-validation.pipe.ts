import { Injectable, ValidationPipe } from '@nestjs/common';

/** Validates DTOs; set per parameter and not globally, because global pipes would run on gateways too. */
@Injectable()
export class RequestValidationPipe extends ValidationPipe {
  constructor() {
    super({ whitelist: true, forbidNonWhitelisted: true, transform: true });
  }
}
