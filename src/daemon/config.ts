/**
 * What portknockd was told, after every check: the values that the rest of the daemon works with.
 *
 * It says nothing of files, lines or spelling: daemon/settings.ts reads those and makes this.
 */
import type { OpenpgpKey, SshKey } from '../methods/challenge/site.js';
import type { Reason } from '../methods/knock.js';
import type { SequenceDoor } from '../methods/plain-sequence/site.js';
import type { Spelling } from '../methods/port-sequence/spelling.js';
import type { Periods } from '../methods/sequence-number/format.js';

/** A service that a door opens. */
export interface Service {
  /** IP protocol number. */
  readonly protocol: number;
  readonly port: number;
}

/** A command: a program with its arguments, run without a shell; or knockd's, a text for /bin/sh with `%IP%` in it. */
export type Command =
  /** The program's path and its arguments, with placeholders. */
  { readonly argv: readonly [string, ...string[]] } | { readonly shell: string };

/** Commands by the family of the source. */
export interface Commands {
  readonly ipv4: Command | undefined;
  readonly ipv6: Command | undefined;
}

/** A plain sequence that opens a door, whoever knocks it. */
export interface SequenceSettings extends Omit<SequenceDoor, 'name' | 'turn'> {
  /** The file that the steps are a line of; undefined: they stay the same. */
  readonly oneTimeFile: string | undefined;
  /** How many of the file's sequences have been used since it was read. */
  readonly turn: number;
}

interface AnyDoor {
  readonly name: string;
  /** The command id of a knock, 0 to 2^32 − 1; a sealed block has room for 0 to 255. Undefined: no client's to ask for. */
  readonly command: number | undefined;
  readonly openForMs: number;
  readonly sequence: SequenceSettings | undefined;
}

/** A door that lets its knocker reach services. */
export interface ServiceDoor extends AnyDoor {
  readonly kind: 'services';
  /** None: it only puts its knocker into its named sets, for rules of the administrator's own. */
  readonly services: readonly Service[];
  readonly singleUse: boolean;
  /** Whether a connection whose first packet has a client's sequence number is let in. */
  readonly sequenceNumber: boolean;
  /** Whether a datagram may open its services. */
  readonly datagram: boolean;
}

/** A door that runs a command, and another when `openForMs` is over. */
export interface CommandDoor extends AnyDoor {
  readonly kind: 'command';
  readonly run: Commands;
  readonly closeRun: Commands | undefined;
  /** A user's name; undefined: the monitor's own. */
  readonly runAs: string | undefined;
  /** Undefined: it may take as long as it likes. */
  readonly timeLimitMs: number | undefined;
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

/** One who knocks with sequence numbers. */
export interface PskClientSettings extends AnyClient {
  readonly kind: 'psk';
  readonly psk: Uint8Array;
}

/** One who answers challenges with signatures. It has at least one key, but where none of them could be read. */
export interface SignerClientSettings extends AnyClient {
  readonly kind: 'signer';
  readonly openpgp: readonly OpenpgpKey[];
  readonly ssh: readonly SshKey[];
}

export type ClientSettings =
  | SealedClientSettings
  | ClassicClientSettings
  | PskClientSettings
  | SignerClientSettings;

/** Where knocks are heard. */
export type Capture =
  | { readonly from: 'nflog'; readonly group: number }
  /** `any`: all interfaces. */
  | { readonly from: 'interface'; readonly interface: string; readonly ipv6: boolean }
  | { readonly from: 'stdin' }
  | { readonly from: 'path'; readonly path: string };

export interface PortSequenceSettings {
  readonly spelling: Spelling;
  readonly basePort: number;
  readonly skewMs: number;
  /** Undefined where only classic clients knock. */
  readonly siteKey: Uint8Array | undefined;
}

export interface SequenceNumberSettings extends Periods {
  /** The port that numbers are derived for, where it is not the one that is guarded. */
  readonly port: number | undefined;
  /** How many wrong numbers a second one source may try before it is not listened to. */
  readonly guessesPerSecond: number;
}

/** Where lists of revoked certificates come from. */
export interface RevocationSettings {
  /** The content of `crl_file`, as it is. */
  readonly file: { readonly path: string; readonly bytes: Uint8Array } | undefined;
  /** http or https. */
  readonly url: string | undefined;
  readonly refreshMs: number;
  /** Whether nobody is let in without a list that is in date. */
  readonly required: boolean;
}

/** Datagrams signed by certificates. */
export interface DatagramSettings {
  /** The certificates of `ca_file`, DER: at least one signed by itself, all of them authorities. */
  readonly authorities: readonly Uint8Array[];
  /** PKCS #8, DER; P-256. */
  readonly serverKey: Uint8Array;
  /** DER; of that key. */
  readonly serverCertificate: Uint8Array;
  readonly skewMs: number;
  readonly openForMs: number;
  /** What becomes of TCP and UDP to ports of no door. */
  readonly policy: 'none' | 'reject' | 'drop';
  /** Whether a datagram may come from another address than the one it names, and opens for that. */
  readonly allowOtherAddress: boolean;
  readonly revocation: RevocationSettings;
}

/** What the keys of one client are, as the configuration says it. */
export interface KeySource {
  readonly client: string;
  readonly revoked: boolean;
  /** User ids and fingerprints. */
  readonly openpgp: readonly string[];
  /** Full paths, and keys themselves. */
  readonly ssh: readonly string[];
}

/** Where the keys of clients come from, so that they can be read again when they change. */
export interface KeySources {
  /** The full path of a file or folder. */
  readonly keyring: string | undefined;
  readonly clients: readonly KeySource[];
}

/** Challenges that are answered with signatures. */
export interface ChallengeSettings {
  /** The UDP port that hellos and responses come to. */
  readonly port: number;
  /** 32 bytes; undefined: everybody's hello is answered. */
  readonly siteKey: Uint8Array | undefined;
  /** What clients call this server in what they sign, where there is no site key; otherwise empty. */
  readonly site: string;
  /** How far a hello's time may be from ours. */
  readonly skewMs: number;
  /** Who judges signatures of OpenPGP. */
  readonly verifyWith: 'openpgpjs' | 'gpgv';
  readonly keySources: KeySources;
}

/** A file of the administrator's own rules, which stand in our table. */
export interface RulesFile {
  readonly path: string;
  /** What may stand between the braces of a table (nft(8)). */
  readonly text: string;
}

/** How the kernel is told who is let in. */
export interface FirewallSettings {
  /** `ipset`: no table of ours; the administrator's rules of iptables look into our sets. */
  readonly backend: 'nftables' | 'ipset';
  /** In the order of their names. */
  readonly rules: readonly RulesFile[];
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
  readonly sequenceNumber: SequenceNumberSettings | undefined;
  readonly datagram: DatagramSettings | undefined;
  readonly challenge: ChallengeSettings | undefined;
  readonly firewall: FirewallSettings;
  /** Networks in canonical text that reach every service without knocking. */
  readonly alwaysAllow: readonly { readonly family: 4 | 6; readonly text: string }[];
  readonly doors: readonly Door[];
  readonly clients: readonly ClientSettings[];
  /** Whether every stage of a plain sequence is told, as knockd does. */
  readonly tellsStages: boolean;
  /** Whether the listener writes every packet to standard output (knockd -D). */
  readonly tellsPackets: boolean;
  /** What is legal and unwise, a sentence each. */
  readonly warnings: readonly string[];
}

/** The client of a knock that names none. */
export const anyone = '*';

/** Whether a client can have nothing opened any more: it was taken out, or all of its keys were. */
function isOut(client: ClientSettings): boolean {
  return client.revoked || (client.kind === 'signer' && client.openpgp.length + client.ssh.length === 0);
}

interface Permitted {
  readonly kind: ClientSettings['kind'];
  readonly revoked: boolean;
  readonly doors: ReadonlySet<string>;
}

/** Who may use which door, for quick answers: the monitor's own check of what the listener asks for. */
export class Permissions {
  readonly #doors: ReadonlyMap<string, Door>;
  readonly #clients: ReadonlyMap<string, Permitted>;

  constructor(config: Config) {
    this.#doors = new Map(config.doors.map(door => [door.name, door]));
    this.#clients = new Map(
      config.clients.map(client => [
        client.name,
        { kind: client.kind, revoked: isOut(client), doors: new Set(client.doors) },
      ]),
    );
  }

  /** The door that is to be opened, or why not. */
  find(clientName: string, doorName: string): Door | Reason {
    if (clientName === anyone) return this.#findSequence(doorName);
    const client = this.#clients.get(clientName);
    if (client?.kind !== 'psk') return this.#findFor(client, doorName);
    // Its numbers let single connections in; they open nothing.
    return client.revoked ? 'revoked' : 'not-allowed';
  }

  /** The door that a client's connection may have come in by, or why not. */
  findNumbered(clientName: string, doorName: string): Door | Reason {
    const client = this.#clients.get(clientName);
    const door = this.#findFor(client, doorName);
    if (typeof door === 'string') return door;
    const isNumbered = client?.kind === 'psk' && door.kind === 'services' && door.sequenceNumber;
    return isNumbered ? door : 'not-allowed';
  }

  #findFor(client: Permitted | undefined, doorName: string): Door | Reason {
    if (client === undefined) return 'unknown-client';
    if (client.revoked) return 'revoked';
    const door = this.#doors.get(doorName);
    if (door === undefined) return 'unknown-command';
    return client.doors.has(doorName) ? door : 'not-allowed';
  }

  #findSequence(doorName: string): Door | Reason {
    const door = this.#doors.get(doorName);
    return door?.sequence === undefined ? 'unknown-client' : door;
  }

  /** Whether what this client has opened may stay open. */
  allows(client: string, door: string): boolean {
    return typeof this.find(client, door) === 'object';
  }
}
