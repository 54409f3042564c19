import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';

/** Identifies this application among peers, to detect loops. */
@Injectable()
export class Instance {
  readonly id = randomUUID();
}
