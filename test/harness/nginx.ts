import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.js';
import { freePort } from './free-port.js';

/** Debian keeps it where only root looks. */
const PATHS = `${process.env.PATH ?? ''}:/usr/sbin:/usr/local/sbin`;

/** `nginx` in front of a service, with a cache that keeps what it may. */
export class Nginx {
  private constructor(
    readonly port: number,
    private readonly child: ChildProcess,
    private readonly folder: string,
  ) {}

  static get isInstalled(): boolean {
    return spawnSync('nginx', ['-v'], { env: { PATH: PATHS } }).status === 0;
  }

  static async inFrontOf(upstreamPort: number): Promise<Nginx> {
    const folder = await mkdtemp(join(tmpdir(), 'opstream-nginx-'));
    const port = await freePort();
    await writeFile(join(folder, 'nginx.conf'), configuration(folder, port, upstreamPort));
    const child = spawn(
      'nginx',
      ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')],
      {
        env: { PATH: PATHS },
        stdio: 'ignore',
      },
    );
    const nginx = new Nginx(port, child, folder);
    await eventually('nginx', async () => {
      const answer = await fetch(`${nginx.url}/health`).catch(() => undefined);
      return answer?.ok === true;
    });
    return nginx;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGTERM');
    await ended;
    await rm(this.folder, { recursive: true, force: true });
  }
}

function configuration(folder: string, port: number, upstreamPort: number): string {
  // As root its workers would be somebody else, who may not enter the folder.
  const user = process.getuid?.() === 0 ? 'user root;\n' : '';
  return `${user}daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
events { worker_connections 512; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  proxy_cache_path ${folder}/cache keys_zone=streams:1m;
  server {
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
  }
}
`;
}
