import { InvalidArgumentError, Option, type Command } from 'commander';
import { DEFAULT_URL, HubClient, RestClient, ServiceAddress } from '../client/index.js';

/** The service a command talks to, and the credential it uses. */
export interface ConnectionOptions {
  readonly url: string;
  readonly token?: string;
}

export function withConnection(command: Command): Command {
  return command
    .addOption(
      new Option('--url <url>', 'address of the service')
        .env('OPSTREAM_URL')
        .default(DEFAULT_URL)
        .argParser(parseUrl),
    )
    .addOption(new Option('--token <token>', 'token or API key').env('OPSTREAM_TOKEN'));
}

export function restClient({ url, token }: ConnectionOptions): RestClient {
  return new RestClient({ url, token });
}

export function hubClient({ url, token }: ConnectionOptions): HubClient {
  return new HubClient({ url, token });
}

/** For commander: a whole number of at least `min`, and at most `max`. */
export function wholeNumber(min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  const upTo = max === Number.MAX_SAFE_INTEGER ? '' : ` and at most ${max}`;
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number of at least ${min}${upTo}.`);
  };
}

function parseUrl(text: string): string {
  try {
    void new ServiceAddress(text);
    return text;
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}
