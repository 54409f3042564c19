import { Command } from 'commander';
import { restClient, wholeNumber, withConnection, type ConnectionOptions } from '../connection-options.js';
import { build } from '../demo/build.js';
import { converse } from '../demo/conversation.js';
import { crawl } from '../demo/crawl.js';
import type { DemoContext } from '../demo/demo-work.js';
import { importCustomers } from '../demo/import.js';
import { EXIT, explain } from '../exit-codes.js';
import { untilInterrupted } from '../interrupt.js';
import { output } from '../terminal/output.js';

interface DemoOptions extends ConnectionOptions {
  readonly rounds: number;
  readonly fast?: boolean;
}

export function demoCommand(): Command {
  return withConnection(new Command('demo'))
    .description('fill the dashboard with running work: a build, a failing import, a crawl, a session')
    .option('--rounds <n>', 'rounds of the crawl', wholeNumber(1, 1000), 5)
    .option('--fast', 'without the pauses that let people watch')
    .action(async (options: DemoOptions) => {
      process.exitCode = await untilInterrupted((signal) => demo(options, signal));
    });
}

async function demo(options: DemoOptions, signal: AbortSignal): Promise<number> {
  const rest = restClient(options);
  // Says at once when nobody is there.
  await rest.getStats();
  say(`Watch it on ${rest.address.displayUrl}/ and press Ctrl+C to stop.`);
  const context: DemoContext = { rest, signal, pace: options.fast ? 0 : 1, say };
  const outcomes = {
    build: build(context),
    import: importCustomers(context),
    crawl: crawl(context, options.rounds),
  };
  const talk = converse(context, outcomes).catch((thrown: unknown) => {
    if (!signal.aborted) process.stderr.write(`opstream: no session: ${explain(thrown)}\n`);
  });
  const [built, , crawled] = await Promise.all([outcomes.build, outcomes.import, outcomes.crawl, talk]);
  if (!signal.aborted) say('Done. What was recorded stays.');
  return [built, crawled].some((outcome) => outcome instanceof Error) ? EXIT.failed : EXIT.ok;
}

function say(text: string): void {
  void output.write(`${text}\n`);
}
