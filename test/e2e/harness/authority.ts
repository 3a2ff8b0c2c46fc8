/** An authority of a test, kept by the real `portknock ca`. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { temporaryFolder } from './folder.js';
import { project } from './isolation.js';
import type { Scope } from './program.js';

const client = `${project}/dist/src/client/portknock.cjs`;
/** Of every PKCS #12 file that it writes. */
export const authorityPassword = 'correct horse';

export class Authority {
  readonly folder: string;

  /** Made anew. */
  constructor(scope: Scope, folder = join(temporaryFolder(scope, 'authority', 0o755), 'ca')) {
    this.folder = folder;
    this.ask('init', '--name', 'Test authority');
  }

  /** Runs `portknock ca …`. @returns what it prints @throws Error where it fails */
  ask(...argv: readonly string[]): string {
    return execFileSync(process.execPath, [client, 'ca', ...argv, '--directory', this.folder], {
      env: { ...process.env, PORTKNOCK_PASSWORD: authorityPassword },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  /** Makes a server's key and certificate. @returns what [datagram] says of them and of the authority */
  server(name = 'home'): { ca_file: string; server_key_file: string; server_certificate_file: string } {
    this.ask('server', name);
    return {
      ca_file: join(this.folder, 'ca.pem'),
      server_key_file: join(this.folder, `server-${name}.key`),
      server_certificate_file: join(this.folder, `server-${name}.pem`),
    };
  }

  /** Makes a client's certificate. @returns its profile's file */
  issue(name: string, rights: readonly string[], host?: string): string {
    const at = host === undefined ? [] : ['--host', host];
    this.ask('issue', name, ...rights.flatMap(right => ['--right', right]), ...at);
    return join(this.folder, `${name}.json`);
  }

  get revocationList(): string {
    return join(this.folder, 'crl.pem');
  }
}
