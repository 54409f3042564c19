import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Characters of traffic remembered. */
const CARRIED = 10_000;

/** A TCP relay on a loopback port in front of a service, which can fail as networks do. */
export class CuttableProxy {
  readonly #pairs = new Set<[Socket, Socket]>();
  /** Bytes towards clients after which everything is cut; counts down. */
  #budget = Infinity;
  #refusing = false;
  /** The end of what went towards clients, as text. */
  carried = '';
  /** Connections accepted so far. */
  accepted = 0;

  private constructor(
    private readonly server: Server,
    private readonly targetPort: number,
  ) {
    server.on('connection', (client) => this.#relay(client));
  }

  static async inFrontOf(targetPort: number): Promise<CuttableProxy> {
    const server = createServer();
    const proxy = new CuttableProxy(server, targetPort);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Connections open now. */
  get connections(): number {
    return this.#pairs.size;
  }

  /** Destroys every connection, in the middle of whatever they carry. */
  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
  }

  /** Cuts everything once this many bytes went towards clients, at exactly that byte. */
  cutAfter(bytes: number): void {
    this.#budget = bytes;
  }

  /** Keeps connections open but carries nothing any more, as a half-open peer does. New connections work again. */
  fallSilent(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.pause();
  }

  /** Whether new connections are dropped at once. */
  refuse(refusing: boolean): void {
    this.#refusing = refusing;
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
  }

  #relay(client: Socket): void {
    this.accepted++;
    if (this.#refusing) {
      client.destroy();
      return;
    }
    const target = connect(this.targetPort, '127.0.0.1');
    const pair: [Socket, Socket] = [client, target];
    this.#pairs.add(pair);
    client.on('data', (chunk) => target.write(chunk));
    target.on('data', (chunk: Buffer) => this.#towardsClient(client, chunk));
    const end = (): void => {
      this.#pairs.delete(pair);
      client.destroy();
      target.destroy();
    };
    for (const socket of pair) socket.on('error', end).on('close', end);
  }

  #towardsClient(client: Socket, chunk: Buffer): void {
    this.carried = (this.carried + chunk.toString('latin1')).slice(-CARRIED);
    if (chunk.length < this.#budget) {
      this.#budget -= chunk.length;
      client.write(chunk);
      return;
    }
    const left = chunk.subarray(0, this.#budget);
    this.#budget = Infinity;
    // The last bytes are still handed to the system before the connection goes.
    client.write(left, () => this.cut());
  }
}
