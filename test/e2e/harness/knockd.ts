/**
 * knockd's place and ours: two equal pairs of namespaces, in one of which Debian's knockd runs and in the other
 * portknockd in its stead, with the same configuration under the same paths.
 *
 * The server has a file system of its own: /mnt is the trial's folder, where commands write and the log lies, /var/log
 * is empty, and files may be put into /etc. Its address decides from which of its own the client knocks at it.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { temporaryFolder } from './folder.js';
import { listenerUser, project } from './isolation.js';
import { Namespace, running } from './namespace.js';
import type { Program, Scope } from './program.js';

export type Kind = 'knockd' | 'portknockd';
export type Step = (trial: Trial) => Promise<void>;

/** An address of the server, and the client's that it is knocked from. */
export interface Way {
  readonly server: string;
  readonly client: string;
}

export const first: Way = { server: '192.0.2.1', client: '192.0.2.10' };
export const second: Way = { server: '192.0.2.2', client: '192.0.2.11' };
export const sixth: Way = { server: '2001:db8::1', client: '2001:db8::10' };
/** Not the server's own: it forwards what comes for it. */
export const beyond: Way = { server: '198.51.100.7', client: first.client };
export const fence: Way = { server: '192.0.2.9', client: '192.0.2.99' };

/** The door that is knocked at last, from an address of its own. */
export const fenceDoor = `
[fence]
  sequence = 9:udp
  command = echo fence >> /mnt/fenced
`;

export interface TrialSettings {
  readonly configuration: string;
  /** By their absolute paths, below /etc or /mnt. */
  readonly files?: Readonly<Record<string, string>>;
}

const syslogPath = `${project}/dist/test/e2e/harness/syslog.js`;
const daemonPath = `${project}/dist/src/daemon/portknockd.cjs`;

/** A daemon's place, and what it leaves there. */
export class Trial {
  readonly kind: Kind;
  readonly server: Namespace;
  readonly client: Namespace;
  readonly folder: string;
  /** What steps found out, to be compared. */
  readonly notes: string[] = [];
  daemon: Program | undefined;
  syslog: Program | undefined;

  private constructor(kind: Kind, server: Namespace, client: Namespace, folder: string) {
    this.kind = kind;
    this.server = server;
    this.client = client;
    this.folder = folder;
  }

  static async create(scope: Scope, kind: Kind, settings: TrialSettings): Promise<Trial> {
    const [server, client] = await Promise.all([
      Namespace.create(scope, 'server'),
      Namespace.create(scope, 'client'),
    ]);
    await connect(server, client);
    const trial = new Trial(kind, server, client, temporaryFolder(scope, kind, 0o755));
    for (const folder of ['etc', 'host-etc', 'dev', 'host-dev', 'var-log', 'state'])
      mkdirSync(join(trial.folder, folder));
    trial.write('/mnt/knockd.conf', settings.configuration);
    for (const [path, text] of Object.entries(settings.files ?? {})) trial.write(path, text);
    return trial;
  }

  /** Starts the daemon as a person would: `knockd OPTIONS`. */
  start(options: readonly string[]): Program {
    this.daemon = this.server.start(
      'sh',
      ['-c', furnish, 'furnish', this.folder, ...this.#command(options)],
      {
        env: { INHERITED: 'from the starter' },
      },
    );
    return this.daemon;
  }

  #command(options: readonly string[]): string[] {
    if (this.kind === 'knockd') return ['/usr/sbin/knockd', ...options];
    const own = ['--user', listenerUser(), '--state-directory', '/mnt/state'];
    return [process.execPath, daemonPath, 'knockd', ...options, ...own];
  }

  /** Listens at /dev/log from now on. */
  async startSyslog(): Promise<void> {
    this.syslog = this.server.start(process.execPath, [syslogPath, join(this.folder, 'dev/log')]);
    await this.syslog.line(/listening/);
    this.syslog.forget();
  }

  write(path: string, text: string): void {
    const place = this.#place(path);
    mkdirSync(dirname(place), { recursive: true });
    writeFileSync(place, text);
  }

  /** @returns what is in it; nothing where it is not there */
  read(path: string): string {
    try {
      return readFileSync(this.#place(path), 'utf8');
    } catch {
      return '';
    }
  }

  /** Where a path of the server lies outside. */
  #place(path: string): string {
    const inside = path.replace(/^\/mnt\//, '/').replace(/^\/var\/log\//, '/var-log/');
    return join(this.folder, inside);
  }
}

/** `ip netns exec` gives a mount namespace; the links keep the rest of /etc. */
const furnish = `
  folder=$1; shift
  mount --bind "$folder" /mnt &&
  for place in etc dev; do
    mount --rbind "/$place" "/mnt/host-$place" &&
    { ln -s "/mnt/host-$place/"* "/mnt/$place/" 2>/mnt/present; true; } &&
    mount --bind "/mnt/$place" "/$place" || exit
  done
  mount --bind /mnt/var-log /var/log &&
  cd / && exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin INHERITED='from the starter' "$@"`;

async function connect(server: Namespace, client: Namespace): Promise<void> {
  await server.ip(
    `link add eth0 address 02:00:00:00:00:01 type veth peer name eth0 address 02:00:00:00:00:02 netns ${client.name}`,
  );
  await Promise.all([
    batch(server, [
      ...[first, second, fence].map(way => `address add ${way.server}/24 dev eth0`),
      `address add ${sixth.server}/64 dev eth0 nodad`,
      // No address of its own making, which would come when it pleases.
      'link set eth0 addrgenmode none',
      'link set eth0 up',
    ]),
    batch(client, [
      ...[first, second, fence].map(way => `address add ${way.client}/24 dev eth0`),
      `address add ${sixth.client}/64 dev eth0 nodad`,
      'link set eth0 up',
      `route add default via ${first.server} src ${first.client}`,
      ...[first, second, fence].map(way => `route add ${way.server} dev eth0 src ${way.client}`),
    ]),
    server.configure('ipv4/ip_forward', '1'),
  ]);
  await running(server, 'eth0');
}

async function batch(namespace: Namespace, lines: readonly string[]): Promise<void> {
  await namespace.exec('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n` });
}
