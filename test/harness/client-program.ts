import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { eventually } from './eventually.js';

const CLIENTS = new URL('../existing-clients/', import.meta.url);

/** A client of another language, written for the documents' own servers. */
export class ClientProgram {
  output = '';
  readonly ended: Promise<number | null>;
  private readonly child: ChildProcessWithoutNullStreams;

  /** @param name a file of test/existing-clients, run by Debian's Python */
  constructor(name: string, ...parameters: string[]) {
    this.child = spawn('/usr/bin/python3', [fileURLToPath(new URL(name, CLIENTS)), ...parameters]);
    this.child.stdout.on('data', (text: Buffer) => (this.output += text.toString()));
    this.child.stderr.on('data', (text: Buffer) => (this.output += text.toString()));
    this.ended = once(this.child, 'close').then(([code]) => code as number | null);
  }

  get lines(): string[] {
    return this.output.split('\n').filter((line) => line !== '');
  }

  async shows(text: string): Promise<void> {
    await eventually(`"${text}" in:\n${this.output}`, () => this.output.includes(text), 30_000);
  }

  type(line: string): void {
    this.child.stdin.write(`${line}\n`);
  }

  kill(): void {
    this.child.kill();
  }
}
