import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.js';
import { freePort } from './free-port.js';

/** A proxy program of Debian's. */
interface Program {
  /** Debian keeps most of them where only root looks. */
  readonly file: string;
  readonly args: (configuration: string, folder: string) => readonly string[];
  /** A whole configuration around the part that the caller gives. */
  readonly around: (part: string, folder: string) => string;
}

// As root its workers would be somebody else, who may not enter the folder.
const NGINX_USER = process.getuid?.() === 0 ? 'user root;\n' : '';
const NGINX_FOLDERS = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];

const PROGRAMS = {
  nginx: {
    file: '/usr/sbin/nginx',
    args: (configuration, folder) => ['-p', folder, '-c', configuration, '-e', join(folder, 'error.log')],
    around: (part, folder) => `${NGINX_USER}daemon off;
worker_processes 1;
pid ${folder}/pid;
events { worker_connections 512; }
http {
access_log off;
${NGINX_FOLDERS.map((name) => `${name}_temp_path ${folder}/${name};`).join('\n')}
proxy_cache_path ${folder}/cache keys_zone=streams:1m;
${part}
}
`,
  },
  haproxy: {
    file: '/usr/sbin/haproxy',
    args: (configuration) => ['-db', '-f', configuration],
    around: (part) => part,
  },
  caddy: {
    file: '/usr/bin/caddy',
    args: (configuration) => ['run', '--config', configuration, '--adapter', 'caddyfile'],
    around: (part) => `{\n  admin off\n  auto_https off\n}\n${part}`,
  },
} as const satisfies Record<string, Program>;

export type ProxyName = keyof typeof PROGRAMS;

/** A running proxy, on a port and with files of its own. */
export class Proxy {
  private constructor(
    readonly port: number,
    private readonly child: ChildProcess,
    readonly folder: string,
  ) {}

  static isInstalled(name: ProxyName): boolean {
    return existsSync(PROGRAMS[name].file);
  }

  /** Starts it. @param part of the configuration, for the port it is to listen on */
  static async start(name: ProxyName, part: (port: number) => string): Promise<Proxy> {
    const { file, args, around }: Program = PROGRAMS[name];
    const folder = await mkdtemp(join(tmpdir(), `opstream-${name}-`));
    const port = await freePort();
    const configuration = join(folder, 'configuration');
    await writeFile(configuration, around(part(port), folder));
    const env = { ...process.env, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder };
    const proxy = new Proxy(
      port,
      spawn(file, args(configuration, folder), { env, stdio: ['ignore', 'ignore', 'pipe'] }),
      folder,
    );
    let said = '';
    proxy.child.stderr!.on('data', (bytes: Buffer) => (said += bytes.toString()));
    await eventually(`${name} answers`, async () => {
      if (proxy.child.exitCode !== null) throw new Error(`${name} ended: ${said.slice(-2000)}`);
      const answer = await fetch(`${proxy.url}/health/live`).catch(() => undefined);
      return answer?.ok === true;
    });
    return proxy;
  }

  /** nginx with a cache that keeps what it may. */
  static caching(upstreamPort: number): Promise<Proxy> {
    return Proxy.start(
      'nginx',
      (port) => `server {
  listen 127.0.0.1:${port};
  location / {
    proxy_pass http://127.0.0.1:${upstreamPort};
    proxy_http_version 1.1;
    proxy_set_header Connection '';
    proxy_set_header Host $http_host;
    proxy_cache streams;
    proxy_cache_key $request_uri$http_authorization;
    proxy_cache_lock on;
    add_header X-Cache $upstream_cache_status;
    client_max_body_size 8m;
  }
}`,
    );
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGTERM');
    await ended;
    // A browser's helpers still write into their profile for a moment after it was killed.
    await rm(this.folder, { recursive: true, force: true, maxRetries: 20 });
  }
}
