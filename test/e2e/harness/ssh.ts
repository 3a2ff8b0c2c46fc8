/**
 * A real sshd in a namespace, and real ssh that calls it.
 *
 * The test's user exists only in the sight of this sshd: it gets an /etc/passwd of its own.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from './folder.js';
import type { Host } from './host.js';
import { hasManyUsers } from './isolation.js';
import type { Program, Scope } from './program.js';

const user = 'knocker';
// Where there is one user id only, sshd cannot change users: it runs as the test's user itself, who is not root.
const userId = hasManyUsers() ? 0 : 1000;

export class SshServer {
  readonly program: Program;
  readonly port: number;
  /** The private key that it lets in. */
  readonly keyFile: string;

  private constructor(program: Program, port: number, keyFile: string) {
    this.program = program;
    this.port = port;
    this.keyFile = keyFile;
  }

  /** Starts sshd on every address of a host, and waits until it listens. */
  static async start(scope: Scope, host: Host, port = 22): Promise<SshServer> {
    const folder = temporaryFolder(scope, 'sshd', 0o755);
    makeKey(join(folder, 'host'));
    makeKey(join(folder, 'client'));
    writeFileSync(join(folder, 'passwd'), passwords(folder));
    writeFileSync(join(folder, 'config'), configuration(folder, port));
    mkdirSync(join(folder, 'home'));
    await host.namespace.configure('ipv4/ip_unprivileged_port_start', '0');
    const program = host.namespace.start('unshare', ['--mount', 'sh', '-c', startScript, 'sh', folder]);
    await program.line(/Server listening on :: /);
    return new SshServer(program, port, join(folder, 'client'));
  }

  /**
   * Calls it from a host and has it run a command.
   *
   * @param options further ones of ssh, such as `-o ProxyCommand=…`
   * @param runner what runs it, such as setpriv with its options
   */
  call(
    from: Host,
    address: string,
    command: string,
    options: readonly string[] = [],
    keyFile = this.keyFile,
    runner: readonly string[] = ['env'],
  ): Program {
    return from.namespace.start(runner[0]!, [
      ...[...runner.slice(1), 'ssh', '-F', 'none', '-i', keyFile, '-p', String(this.port), '-l', user],
      ...clientOptions.flatMap(option => ['-o', option]),
      ...options,
      address,
      command,
    ]);
  }
}

const clientOptions = [
  'BatchMode=yes',
  'IdentitiesOnly=yes',
  'IdentityAgent=none',
  'ConnectTimeout=10',
  'StrictHostKeyChecking=no',
  'UserKnownHostsFile=/dev/null',
  'LogLevel=ERROR',
];

const startScript = `
  set -e
  mount --bind "$1/passwd" /etc/passwd
  exec ${userId === 0 ? '' : `unshare --user --map-user=${userId} --map-group=${userId}`} \
    "$(command -v sshd)" -D -e -f "$1/config"`;

function makeKey(path: string): void {
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', path]);
}

function passwords(folder: string): string {
  const line = `${user}:*:${userId}:${userId}:test:${join(folder, 'home')}:/bin/sh\n`;
  // First, so that its number is looked up as its name.
  return line + readFileSync('/etc/passwd', 'utf8');
}

function configuration(folder: string, port: number): string {
  return `
    Port ${port}
    ListenAddress ::
    ListenAddress 0.0.0.0
    HostKey ${join(folder, 'host')}
    PidFile none
    UsePAM no
    UseDNS no
    StrictModes no
    PermitRootLogin prohibit-password
    PasswordAuthentication no
    KbdInteractiveAuthentication no
    AuthorizedKeysFile ${join(folder, 'client.pub')}
    MaxStartups 100
  `.replace(/^ +/gm, '');
}
