/** A portknockd that hears datagrams: its configuration, beside certificates that openssl has made. */
import { chmodSync, copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Authority } from '../../daemon/certified.js';
import { temporaryFolder, writeSecret } from './folder.js';
import type { Host } from './host.js';
import { listenerUser, project } from './isolation.js';
import type { Program, Scope } from './program.js';

const daemonPath = `${project}/dist/src/daemon/portknockd.cjs`;

export class Certified {
  readonly host: Host;
  readonly folder: string;
  readonly configFile: string;
  readonly authority: Authority;
  program: Program | undefined;

  /** @param datagram lines of its section [datagram] @param rest tables after it */
  constructor(scope: Scope, host: Host, datagram: string, rest = '', authority = serverAuthority()) {
    this.host = host;
    this.authority = authority;
    this.folder = temporaryFolder(scope, 'certified', 0o755);
    this.configFile = join(this.folder, 'portknockd.toml');
    for (const name of ['ca.pem', 'server.pem']) copyFileSync(authority.path(name), join(this.folder, name));
    writeSecret(this.folder, 'server.key', authority.read('server.key').toString());
    this.configure(datagram, rest);
  }

  /** Writes the configuration anew; a running daemon hears of it by SIGHUP. */
  configure(datagram: string, rest = ''): void {
    const text = `state_directory = "state"
user = "${listenerUser()}"
[datagram]
ca_file = "ca.pem"
server_key_file = "server.key"
server_certificate_file = "server.pem"
${datagram}
${rest}`;
    writeFileSync(this.configFile, text);
    chmodSync(this.configFile, 0o644);
  }

  /** Starts the daemon, also again. @param trusted the file of what the system trusts @returns when it is ready */
  async run(trusted?: string): Promise<Program> {
    const program = trusted === undefined ? this.command(['run']) : this.#trusting(trusted);
    this.program = program;
    await program.line(/ready/);
    return program;
  }

  /** In a mount namespace of its own, where that file lies in the place of the system's. */
  #trusting(trusted: string): Program {
    const script = 'mount --bind "$0" /etc/ssl/certs/ca-certificates.crt && exec "$@"';
    const command = [process.execPath, daemonPath, 'run', '--config', this.configFile];
    return this.host.namespace.start('unshare', ['-m', 'sh', '-c', script, trusted, ...command]);
  }

  /** Has the daemon read its configuration again. @returns when it has */
  async reload(): Promise<void> {
    this.program?.forget();
    process.kill(this.program!.pid, 'SIGHUP');
    await this.program!.line(/reloaded/);
  }

  command(argv: readonly string[]): Program {
    return this.host.namespace.start(process.execPath, [daemonPath, ...argv, '--config', this.configFile]);
  }
}

/** With the certificate and key of a server. */
export function serverAuthority(): Authority {
  const authority = new Authority('Test CA');
  authority.issue('server');
  return authority;
}
