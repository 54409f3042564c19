import { Injectable } from '@nestjs/common';
import type { CommandDefinition } from './command-session.js';

/** The hub's commands that come from features standing on this one, by their names on the wire. */
@Injectable()
export class CommandExtensions {
  private readonly commands = new Map<string, CommandDefinition>();

  register(name: string, command: CommandDefinition): void {
    this.commands.set(name, command);
  }

  get(name: string): CommandDefinition | undefined {
    return this.commands.get(name);
  }
}
