/** The socket service on a client machine, and a server that lets in connections by their sequence numbers alone. */
import { mkdirSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { NumberSeries, stepsTaken } from '../../../src/methods/sequence-number/format.js';
import type { SequenceNumberProfile } from '../../../src/system/numberprofile.js';
import { formatProfile } from '../../../src/system/profile.js';
import { temporaryFolder } from './folder.js';
import type { Host } from './host.js';
import { hasManyUsers, listenerUser, missing, project } from './isolation.js';
import { Network } from './network.js';
import type { Program, Scope } from './program.js';

export const clientProgram = `${project}/dist/src/client/portknock.cjs`;

/** Hardly a period ends during a test. */
const hour = 3600;
const periods = { periodMs: hour * 1000, toleranceMs: hour * 1000 };
export const psk = 'nine of ten tests need a key';

/** How many numbers are good at a moment, and how many between another moment and now. */
export const numbersAtOnce = 3;
export function numbersSince(begun: number): number {
  return stepsTaken(Date.now(), periods).last - stepsTaken(begun, periods).first + 1;
}

/** Has a server drop every SYN to its port 22 but those with a number that is good now, or soon. */
export async function guard(server: Host): Promise<void> {
  const series = new NumberSeries(Buffer.from(psk), 22);
  const { first, last } = stepsTaken(Date.now(), periods);
  const numbers = Array.from({ length: last - first + 2 }, (_, at) => series.at(first + at));
  await server.namespace.nft(`table inet guard { chain in {
    type filter hook input priority filter
    tcp dport 22 tcp flags & (syn | ack) == syn tcp sequence != { ${numbers.join(', ')} } drop
  }; }`);
}

/** A profile of that server, for one user unless told otherwise. */
export function profileOf(server: Host, changes: Partial<SequenceNumberProfile> = {}): SequenceNumberProfile {
  return {
    name: 'home',
    host: server.ipv4,
    method: 'sequence-number',
    psk,
    periodSeconds: hour,
    toleranceSeconds: hour,
    macPort: undefined,
    users: [String(knownUser)],
    doors: new Map([['ssh', { services: ['tcp/22'], singleUse: false }]]),
    ...changes,
  };
}

export class SocketService {
  readonly path: string;
  readonly profiles: string;
  readonly host: Host;
  readonly environment: { readonly STATE_DIRECTORY: string };
  readonly #scope: Scope;

  constructor(scope: Scope, host: Host, profiles: readonly SequenceNumberProfile[]) {
    this.#scope = scope;
    this.host = host;
    const folder = temporaryFolder(scope, 'sockets', 0o755);
    this.path = join(folder, 'socket');
    this.profiles = join(folder, 'profiles');
    this.environment = { STATE_DIRECTORY: join(folder, 'state') };
    mkdirSync(this.profiles, { mode: 0o700 });
    for (const profile of profiles) this.keep(profile);
  }

  /** Keeps a profile for it. */
  keep(profile: SequenceNumberProfile, mode = 0o600): void {
    writeFileSync(join(this.profiles, `${profile.name}.json`), formatProfile(profile), { mode });
  }

  /** What serves, in the way of machines without systemd; it listens when this returns. */
  async start(): Promise<Program> {
    const program = this.host.namespace.start(process.execPath, this.command(['--listen', this.path]), {
      env: this.environment,
    });
    await program.line(/the socket service listens/);
    return program;
  }

  command(argv: readonly string[]): string[] {
    return [clientProgram, 'socket-service', '--profiles', this.profiles, ...argv];
  }

  /** The client of a user who has no privilege. */
  ask(uid: number, argv: readonly string[]): Program {
    const home = temporaryFolder(this.#scope, 'home', 0o777);
    const command = [process.execPath, clientProgram, ...argv, '--socket', this.path];
    return this.host.namespace.start('setpriv', [...unprivileged(uid), ...command], {
      input: '',
      env: { HOME: home, XDG_CONFIG_HOME: home, XDG_STATE_HOME: home },
    });
  }
}

/** Options of setpriv, before a command. */
export function unprivileged(uid: number): string[] {
  const identity = [`--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];
  return [...identity, '--bounding-set=-all', '--inh-caps=-all', '--no-new-privs', '--'];
}

/** A user for whom profiles are, unless told otherwise, and another one. */
export const knownUser = 65534;
export const stranger = 65533;

/** The user who runs this test asks himself. */
export const ours = { users: [String(process.getuid?.())] };

/** Why tests with other users than ours cannot run, or false. */
export function oneUser(): string | false {
  if (missing('setpriv') !== false) return missing('setpriv');
  return (!hasManyUsers() || listenerUser() !== 'nobody') && 'there is one user only';
}

/** A server with something behind two ports, of which one is guarded, and a client machine with a profile for it. */
export async function site(t: TestContext, changes: Partial<SequenceNumberProfile> = {}) {
  const network = await Network.create(t);
  const client = await network.addClient();
  const { server } = network;
  await server.serve(22, 'in');
  await server.serve(23, 'another');
  await guard(server);
  const service = new SocketService(t, client, [profileOf(server, changes)]);
  return { server, client, service };
}

export const wish = ({ path }: SocketService) => ({ path, port: 22, timeoutMs: 5000 });
/** All that comes until the far end closes. */
export async function textOf(socket: Socket): Promise<string> {
  let text = '';
  for await (const piece of socket) text += String(piece);
  return text;
}
