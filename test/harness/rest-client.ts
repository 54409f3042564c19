/** What REST answered. `body` is parsed when it is JSON; it is not checked, because that is what tests do. */
export interface RestAnswer<Body = Record<string, unknown>> {
  readonly status: number;
  readonly type: string;
  readonly headers: Headers;
  readonly text: string;
  readonly body: Body;
}

export interface RestRequest {
  /** Sent as JSON unless it is a string. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Plain `fetch` with the words of the operations API. */
export class RestClient {
  constructor(private readonly base: string) {}

  async request<Body = Record<string, unknown>>(
    method: string,
    path: string,
    { body, headers }: RestRequest = {},
  ): Promise<RestAnswer<Body>> {
    const text = typeof body === 'string' || body === undefined ? body : JSON.stringify(body);
    const response = await fetch(this.base + path, {
      method,
      headers: { ...(text !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(text !== undefined && { body: text }),
    });
    const answer = await response.text();
    const type = response.headers.get('content-type') ?? '';
    const parsed: unknown = /\bjson\b/.test(type) && answer !== '' ? JSON.parse(answer) : undefined;
    return {
      status: response.status,
      type,
      headers: response.headers,
      text: answer,
      body: parsed as Body,
    };
  }

  get<Body = Record<string, unknown>>(path: string): Promise<RestAnswer<Body>> {
    return this.request('GET', path);
  }

  post<Body = Record<string, unknown>>(
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<RestAnswer<Body>> {
    return this.request('POST', path, { body, ...(headers && { headers }) });
  }

  /** @returns the id of the operation it opened */
  async open(operationType = 'code_generation', metadata?: object): Promise<string> {
    const answer = await this.expecting(201, '', { operation_type: operationType, metadata });
    return answer.body.operation_id as string;
  }

  /** Records one event; `kind` is the last part of the path. */
  async emit(operationId: string, kind: string, data: object): Promise<RestAnswer> {
    return this.expecting(201, `/${encodeURIComponent(operationId)}/${kind}`, data);
  }

  private async expecting(status: number, path: string, body: object): Promise<RestAnswer> {
    const answer = await this.post(`/api/operations${path}`, body);
    if (answer.status !== status) {
      throw new Error(`POST ${path} was answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    }
    return answer;
  }
}
