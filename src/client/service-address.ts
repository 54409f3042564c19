/** The default address. */
export const DEFAULT_URL = 'http://127.0.0.1:8765';

/** A bearer token, or a function that fetches one for each connection and request. */
export type TokenSource = string | (() => string | Promise<string>);

/**
 * The address of one service, from which every endpoint's URL is derived. Accepts `http`, `https`, `ws` and `wss`,
 * with a path when the service is behind a prefix.
 */
export class ServiceAddress {
  readonly #base: URL;

  /** @throws TypeError for an invalid URL */
  constructor(url: string = DEFAULT_URL) {
    let base: URL;
    try {
      base = new URL(url);
    } catch (cause) {
      throw new TypeError(`"${url}" is no URL; it should look like ${DEFAULT_URL}`, { cause });
    }
    if (!/^(https?|wss?):$/.test(base.protocol)) {
      throw new TypeError(`"${url}" is no address of a service: it must begin with http, https, ws or wss`);
    }
    base.search = '';
    base.hash = '';
    if (!base.pathname.endsWith('/')) base.pathname += '/';
    this.#base = base;
  }

  /** @param path below the service's root, without a leading slash */
  http(path: string): URL {
    return this.#at(path, this.#secure ? 'https:' : 'http:');
  }

  webSocket(path: string, token?: string): URL {
    const url = this.#at(path, this.#secure ? 'wss:' : 'ws:');
    if (token) url.searchParams.set('token', token);
    return url;
  }

  /** For display: without a password or token. */
  get displayUrl(): string {
    const url = this.http('');
    url.username = '';
    url.password = '';
    return url.href.replace(/\/$/, '');
  }

  get #secure(): boolean {
    return this.#base.protocol === 'https:' || this.#base.protocol === 'wss:';
  }

  #at(path: string, protocol: string): URL {
    const url = new URL(path, this.#base);
    url.protocol = protocol;
    return url;
  }
}

export async function resolveToken(source: TokenSource | undefined): Promise<string | undefined> {
  return typeof source === 'function' ? source() : source;
}
