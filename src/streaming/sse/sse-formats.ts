import { SseFormat } from './sse-format.js';

/** The formats in use, one per log: all streams of a log share its encoded events. */
export class SseFormats {
  private readonly formats = new Map<string, { readonly format: SseFormat; streams: number }>();

  /** @returns the format, and a function to call when the stream has ended */
  take(tenant: string, operationId: string | null, log: string): [format: SseFormat, giveBack: () => void] {
    // Tenants and operation ids contain no slash, and no operation id is "*".
    const key = `${tenant}/${operationId ?? '*'}/${log}`;
    let used = this.formats.get(key);
    if (!used) this.formats.set(key, (used = { format: new SseFormat(operationId, log), streams: 0 }));
    const { format } = used;
    used.streams += 1;
    return [
      format,
      () => {
        used.streams -= 1;
        if (used.streams === 0) this.formats.delete(key);
      },
    ];
  }
}
