// A child process that takes commands as lines and answers each with one JSON line.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const pinnable = process.platform === 'linux';

export class LineProcess {
  #waiting = [];
  #ended;

  /** @param {number} core CPU core that the child runs on; elsewhere than on Linux the system chooses */
  constructor(core, command, args, env = {}) {
    const [file, ...rest] = pinnable ? ['taskset', '-c', String(core), command, ...args] : [command, ...args];
    this.child = spawn(file, rest, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...env } });
    createInterface({ input: this.child.stdout }).on('line', (line) => this.#take(line));
    this.child.once('exit', (code, signal) => {
      this.#ended = new Error(`${command} ${args[0] ?? ''} ended (${code ?? signal})`);
      for (const { reject } of this.#waiting.splice(0)) reject(this.#ended);
    });
  }

  get pid() {
    return this.child.pid;
  }

  /** The next line, parsed. */
  answer() {
    if (this.#ended) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** @throws Error what the child answers as `error` */
  ask(...words) {
    const answer = this.answer();
    this.child.stdin.write(`${words.join(' ')}\n`);
    return answer;
  }

  async stop() {
    if (this.#ended) return;
    const exit = once(this.child, 'exit');
    this.child.stdin.end();
    const deadline = setTimeout(() => this.child.kill('SIGKILL'), 5000);
    await exit;
    clearTimeout(deadline);
  }

  #take(line) {
    const waiting = this.#waiting.shift();
    if (!waiting) return console.error(line);
    const answer = JSON.parse(line);
    if (answer.error) waiting.reject(new Error(answer.error));
    else waiting.resolve(answer);
  }
}
