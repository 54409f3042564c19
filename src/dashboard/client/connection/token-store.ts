/** The token of this tab, or of this browser when the reader asks to be remembered. Never in an address. */
const KEY = 'opstream.token';

export interface StoredToken {
  readonly token: string;
  readonly remembered: boolean;
}

export function readToken(): StoredToken | undefined {
  for (const remembered of [false, true]) {
    try {
      const token = storage(remembered).getItem(KEY);
      if (token) return { token, remembered };
    } catch {
      // Blocked storage: nothing is kept.
    }
  }
  return undefined;
}

export function writeToken(token: string | undefined, remember: boolean): void {
  for (const remembered of [false, true]) {
    try {
      if (token !== undefined && remembered === remember) storage(remembered).setItem(KEY, token);
      else storage(remembered).removeItem(KEY);
    } catch {
      // Blocked storage: the token lasts as long as the page.
    }
  }
}

function storage(remembered: boolean): Storage {
  return remembered ? localStorage : sessionStorage;
}
