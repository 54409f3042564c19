import {
  type BeforeApplicationShutdown,
  Injectable,
  Logger,
  type OnApplicationShutdown,
  type OnModuleDestroy,
} from '@nestjs/common';

/** An orderly end that takes longer than this is none (S4-68). */
const SHUTDOWN_DEADLINE_MS = 10_000;

/** Says when the service shuts down (S4-67), and ends the process with 1 when that hangs. */
@Injectable()
export class ShutdownDeadline implements OnModuleDestroy, BeforeApplicationShutdown, OnApplicationShutdown {
  private readonly logger = new Logger('Opstream');
  private deadline: NodeJS.Timeout | undefined;

  onModuleDestroy(): void {
    this.logger.log('Shutting down server...');
  }

  /** Only a signal ends the process; a host application that closes its module goes on. */
  beforeApplicationShutdown(signal?: string): void {
    if (signal === undefined) return;
    this.deadline = setTimeout(() => {
      this.logger.error('Forced shutdown after timeout');
      process.exit(1);
    }, SHUTDOWN_DEADLINE_MS).unref();
  }

  onApplicationShutdown(): void {
    clearTimeout(this.deadline);
    this.logger.log('WebSocket server shut down');
  }
}
