import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';

/** This application among all that peers may lead to, so that loops are noticed. */
@Injectable()
export class Instance {
  readonly id = randomUUID();
}
