/**
 * What portknockd was told, after every check: the values that the rest of the daemon works with.
 *
 * It says nothing of files, lines or spelling: daemon/settings.ts reads those and makes this.
 */
import type { Reason } from '../methods/knock.js';
import type { Spelling } from '../methods/port-sequence/spelling.js';

/** A service that a door opens. */
export interface Service {
  /** IP protocol number. */
  readonly protocol: number;
  readonly port: number;
}

/** A command, run without a shell. */
export interface Command {
  /** The program's path and its arguments, with placeholders. */
  readonly argv: readonly [string, ...string[]];
}

interface AnyDoor {
  readonly name: string;
  /** The command id of a knock, 0 to 2^32 − 1; a sealed block has room for 0 to 255. */
  readonly command: number;
  readonly openForMs: number;
}

/** A door that lets its knocker reach services. */
export interface ServiceDoor extends AnyDoor {
  readonly kind: 'services';
  readonly services: readonly Service[];
  readonly singleUse: boolean;
}

/** A door that runs a command, and another when `openForMs` is over. */
export interface CommandDoor extends AnyDoor {
  readonly kind: 'command';
  readonly run: Command;
  readonly closeRun: Command | undefined;
  /** A user's name; undefined: the monitor's own. */
  readonly runAs: string | undefined;
  readonly timeLimitMs: number;
}

export type Door = ServiceDoor | CommandDoor;

interface AnyClient {
  readonly name: string;
  /** Names of doors. */
  readonly doors: readonly string[];
  readonly revoked: boolean;
}

export interface SealedClientSettings extends AnyClient {
  readonly kind: 'sealed';
  readonly id: number;
  readonly key: Uint8Array;
  readonly addressRequired: boolean;
}

export interface ClassicClientSettings extends AnyClient {
  readonly kind: 'classic';
  readonly passphrase: string;
}

export type ClientSettings = SealedClientSettings | ClassicClientSettings;

/** Where knocks are heard. */
export type Capture =
  | { readonly from: 'nflog'; readonly group: number }
  | { readonly from: 'stdin' }
  | { readonly from: 'path'; readonly path: string };

export interface PortSequenceSettings {
  readonly spelling: Spelling;
  readonly basePort: number;
  readonly skewMs: number;
  /** Undefined where only classic clients knock. */
  readonly siteKey: Uint8Array | undefined;
}

export interface Config {
  /** Where it was read from. */
  readonly file: string;
  readonly stateDirectory: string;
  readonly user: string;
  readonly capture: Capture;
  /** The NFLOG group that the table logs to, whoever reads it. */
  readonly group: number;
  readonly portSequence: PortSequenceSettings | undefined;
  /** Networks in canonical text that reach every service without knocking. */
  readonly alwaysAllow: readonly { readonly family: 4 | 6; readonly text: string }[];
  readonly doors: readonly Door[];
  readonly clients: readonly ClientSettings[];
  /** What is legal and unwise, a sentence each. */
  readonly warnings: readonly string[];
}

/** Who may use which door, for quick answers: the monitor's own check of what the listener asks for. */
export class Permissions {
  readonly #doors: ReadonlyMap<string, Door>;
  readonly #clients: ReadonlyMap<string, { readonly revoked: boolean; readonly doors: ReadonlySet<string> }>;

  constructor(config: Config) {
    this.#doors = new Map(config.doors.map(door => [door.name, door]));
    this.#clients = new Map(
      config.clients.map(({ name, revoked, doors }) => [name, { revoked, doors: new Set(doors) }]),
    );
  }

  /** The door, or why not. */
  find(clientName: string, doorName: string): Door | Reason {
    const client = this.#clients.get(clientName);
    if (client === undefined) return 'unknown-client';
    if (client.revoked) return 'revoked';
    const door = this.#doors.get(doorName);
    if (door === undefined) return 'unknown-command';
    return client.doors.has(doorName) ? door : 'not-allowed';
  }

  /** Whether what this client has opened may stay open. */
  allows(client: string, door: string): boolean {
    return typeof this.find(client, door) === 'object';
  }
}
