/** What a `control` event of a Durable Stream tells. */
export interface StreamControl {
  readonly streamNextOffset: string;
  readonly streamClosed?: boolean;
  readonly upToDate?: boolean;
}

/** Collects the events of a JSON stream that is followed with `live=sse`. */
export class StreamEvents {
  readonly data: unknown[] = [];
  readonly controls: StreamControl[] = [];
  /** Resolves when the service ends the connection; also when the reader cuts it off. */
  readonly ended: Promise<void>;

  constructor(response: Response) {
    this.ended = this.collect(response).catch(() => {});
  }

  private async collect(response: Response): Promise<void> {
    let text = '';
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      const events = text.split('\n\n');
      text = events.pop()!;
      for (const event of events) this.take(event);
    }
  }

  private take(event: string): void {
    const name = /^event: ?(.*)$/m.exec(event)?.[1];
    const data = [...event.matchAll(/^data: ?(.*)$/gm)].map(([, line]) => line).join('\n');
    if (name === 'data') this.data.push(...(JSON.parse(data) as unknown[]));
    if (name === 'control') this.controls.push(JSON.parse(data) as StreamControl);
  }
}

export const sseEvents = (response: Response): StreamEvents => new StreamEvents(response);
