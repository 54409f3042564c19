import { OperationProducer, type OpstreamClientError, type RestClient } from '../../client/index.js';
import { TerminalLines } from '../../client/protocol/terminal-text.js';
import { printable } from '../terminal/printable.js';
import { LineSplitter, type OutputLine } from './line-splitter.js';
import { detectProgress } from './progress-detector.js';
import { ProgressReporter } from './progress-reporter.js';

export type StreamName = 'stdout' | 'stderr';

/** How a command ended. */
export type CommandEnd =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'killed'; readonly signal: NodeJS.Signals }
  | { readonly kind: 'interrupted'; readonly signal: NodeJS.Signals }
  | { readonly kind: 'not-started'; readonly message: string; readonly code: number };

/** Buffered events above which the program is paused, and below which it resumes. */
const HIGH_WATER = 5000;
const LOW_WATER = 1000;
/** Room for what is still in the pipes, in lines however short, after the program was paused. */
const MAX_BUFFERED = 100_000;
/** How long the final events may take to reach a service that responds, and one that does not. */
const PATIENCE_MS = { answering: 30_000, away: 2000 };
const MAX_PROGRESS_MESSAGE = 200;

const LEVEL: Record<StreamName, string> = { stdout: 'info', stderr: 'warning' };

/** Turns a command's output and exit into the events of one operation. */
export class CommandRecorder {
  readonly #producer: OperationProducer;
  readonly #progress: ProgressReporter;
  readonly #splitters: Record<StreamName, LineSplitter>;
  readonly #terminals = { stdout: new TerminalLines(), stderr: new TerminalLines() };
  #startedAt = performance.now();
  /** Undefined until the service has responded or failed to. */
  #reachable: boolean | undefined;

  /**
   * @param backpressure called when the program should pause, and when it may resume
   * @param findProgress whether percentages and counters in the output become progress
   */
  constructor(
    rest: RestClient,
    operationType: string,
    metadata: { command: string[]; cwd: string },
    operationId: string | undefined,
    private readonly backpressure: (wait: boolean) => void,
    private readonly findProgress = true,
  ) {
    this.#producer = new OperationProducer(rest, operationType, {
      metadata,
      operationId,
      maxBuffered: MAX_BUFFERED,
    });
    this.#progress = new ProgressReporter((progress, message) => {
      this.#producer.progress(progress, message.slice(0, MAX_PROGRESS_MESSAGE));
    });
    this.#splitters = {
      stdout: new LineSplitter((line) => this.#line('stdout', line)),
      stderr: new LineSplitter((line) => this.#line('stderr', line)),
    };
    this.#producer.on('recording', () => (this.#reachable = true));
    this.#producer.on('retrying', () => {
      this.#reachable = false;
      this.backpressure(false);
    });
    this.#producer.on('stopped', () => this.backpressure(false));
    this.#producer.on('acknowledged', () => {
      if (this.#producer.bufferedCount <= LOW_WATER) this.backpressure(false);
    });
  }

  get operationId(): string {
    return this.#producer.operationId;
  }

  /** Why recording has stopped, once it has. */
  get stopped(): OpstreamClientError | undefined {
    return this.#producer.stopped;
  }

  onUnreachable(listener: (error: OpstreamClientError) => void): void {
    this.#producer.once('retrying', ({ error }) => listener(error));
  }

  onStopped(listener: (error: OpstreamClientError) => void): void {
    this.#producer.once('stopped', listener);
  }

  start(): void {
    this.#startedAt = performance.now();
    this.#producer.open();
  }

  output(stream: StreamName, text: string): void {
    this.#splitters[stream].write(text);
  }

  /**
   * Records the exit; resolves once the service has everything or the time is up.
   * @throws OpstreamClientError when recording is impossible
   */
  async end(how: CommandEnd): Promise<void> {
    this.#splitters.stdout.end();
    this.#splitters.stderr.end();
    this.#progress.flush();
    let timer: NodeJS.Timeout | undefined;
    const giveUpAfter = (ms: number): void => {
      clearTimeout(timer);
      timer = setTimeout(() => this.close(), ms);
    };
    giveUpAfter(this.#reachable === false ? PATIENCE_MS.away : PATIENCE_MS.answering);
    if (this.#reachable !== false) this.#producer.once('retrying', () => giveUpAfter(PATIENCE_MS.away));
    this.#producer.once('recording', () => giveUpAfter(PATIENCE_MS.answering));
    try {
      await this.#recordEnd(how);
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    this.#producer.close();
  }

  async #recordEnd(how: CommandEnd): Promise<void> {
    const seconds = Number(((performance.now() - this.#startedAt) / 1000).toFixed(3));
    switch (how.kind) {
      case 'exited':
        if (how.code === 0) return this.#producer.result({ exit_code: 0, seconds });
        return this.#producer.error(`The command exited with code ${how.code}`, 'ExitCode', {
          exit_code: how.code,
          seconds,
        });
      case 'killed':
        return this.#producer.error(`The command was ended by ${how.signal}`, 'Signal', {
          signal: how.signal,
          seconds,
        });
      case 'interrupted':
        return this.#producer.cancelled(`Stopped by ${how.signal}`);
      case 'not-started':
        return this.#producer.error(how.message, 'NotStarted');
    }
  }

  #line(stream: StreamName, { text, redrawn }: OutputLine): void {
    const { plain, ansi } = this.#terminals[stream].read(text);
    const message = printable(plain).trimEnd();
    const progress = this.findProgress ? detectProgress(message) : undefined;
    if (progress !== undefined) this.#progress.add(progress, message.trim());
    // A redrawn line is transient; its last state ends with a line break and is logged.
    if (redrawn || message === '') return;
    this.#producer.log(LEVEL[stream], message, { stream, ...(ansi !== undefined && { ansi }) });
    if (this.#reachable && this.#producer.bufferedCount >= HIGH_WATER) this.backpressure(true);
  }
}
