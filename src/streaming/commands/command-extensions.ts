import { Injectable } from '@nestjs/common';
import type { HubCommand } from './command-session.js';

/** The hub's commands that come from features standing on this one, by their names on the wire. */
@Injectable()
export class CommandExtensions {
  private readonly commands = new Map<string, HubCommand>();

  register(name: string, command: HubCommand): void {
    this.commands.set(name, command);
  }

  get(name: string): HubCommand | undefined {
    return this.commands.get(name);
  }
}
