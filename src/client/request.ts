/** What a knock is asked for, and the checks on it: a caller's mistake never becomes a packet. */
import { requireInteger } from '../methods/port-sequence/sealed.js';
import { requireBasePort, type Spelling, spellings } from '../methods/port-sequence/spelling.js';
import { type ClassicIdentity, isAddressChoice, isClassic, type SealedIdentity } from '../system/profile.js';
import type { Family } from './result.js';
import type { ChallengeKey, SignText } from './signing/signer.js';

/** A knock as an encrypted sequence of ports (PROTOCOL.md section 1). */
export interface PortSequenceRequest {
  readonly method: 'port-sequence';
  /** First port of the server's window, 1 to 65280; 61440 where it is spread. */
  readonly basePort: number;
  /** `ordered`, 16 SYNs in order (the default), or `spread`, 32 SYNs of which any 19 do: as the server wants it. */
  readonly spelling?: Spelling | undefined;
  /** The command of the door, 0 to 255; for a classic identity 0 to 4294967295. */
  readonly command: number;
  /** Who knocks. A classic one can be replayed by anyone who sees the knock. */
  readonly identity: SealedIdentity | ClassicIdentity;
}

/** A knock as a plain sequence of ports, as knockd takes it; it has one of the two. Whoever sees it can repeat it. */
export interface PlainSequenceRequest {
  readonly method: 'plain-sequence';
  /** 1 to 256 ports from 1 to 65535, such as `7000/tcp` and `8000/udp`, in order; a door of knockd's has at most 32. */
  readonly sequence?: readonly string[] | undefined;
  /**
   * The path of a file of sequences for one use each, a copy of the server's. Its next line is marked as used before it
   * is sent, and is sent again to every address and while waiting: `knock` takes one line, whatever comes of it.
   */
  readonly oneTimeSequences?: string | undefined;
}

/** A knock as one datagram for each service, signed by a certificate (PROTOCOL.md section 8). */
export interface DatagramRequest {
  readonly method: 'datagram';
  /** 1 to 32 services such as `tcp/22`; the certificate must allow each of them. */
  readonly services: readonly string[];
  /** The client's certificate: PEM or DER, at most 3918 bytes of DER. */
  readonly certificate: string | Uint8Array;
  /** Its private key, of P-256, under no password: text in PEM, or bytes of PKCS #8. */
  readonly key: string | Uint8Array;
  /** The server's certificate, PEM or DER: to its key, of P-256, datagrams are encrypted. */
  readonly serverCertificate: string | Uint8Array;
  /** The UDP port that datagrams go to, 1 to 65535; by default one of 10000 to 60000, drawn once for each process. */
  readonly knockPort?: number | undefined;
  /**
   * The own address that is signed, which the server compares with where the datagram comes from: an address; `auto`, the
   * local one towards the server, with a warning where NAT may change it (the default); `local`, the same without.
   */
  readonly address?: string | undefined;
}

/**
 * A knock as the answer to a challenge of the server's, signed by a key of OpenPGP or SSH (PROTOCOL.md section 9): the one
 * knock for which a server has to answer first. It has `siteKey` or `site`, as the server has it.
 */
export interface ChallengeRequest {
  readonly method: 'challenge';
  /** The UDP port of the server's challenges, 1 to 65535. */
  readonly port: number;
  /** 32 bytes, the same for all clients of a server: without it the server answers nobody. */
  readonly siteKey?: Uint8Array | undefined;
  /** The name of a server that has no site key, 1 to 64 letters, digits, ".", "_" and "-": it is in what is signed. */
  readonly site?: string | undefined;
  /** The name of the door on the server, 1 to 32 letters, digits, ".", "_" and "-". */
  readonly door: string;
  /** The key, or a function that signs. Paths are as the process sees them. */
  readonly sign: ChallengeKey | SignText;
}

/** What is knocked, by method. */
export type KnockRequest = PortSequenceRequest | PlainSequenceRequest | DatagramRequest | ChallengeRequest;

/** Where to knock, and what to do then. */
export interface KnockDelivery {
  /** A name or an address, with its zone where it needs one (`fe80::1%eth0`). */
  readonly host: string;
  /** Only this family; by default every one that the host has, one after the other. */
  readonly family?: Family | undefined;
  /** Milliseconds between two packets, 0 to 60000; by default 0. */
  readonly delayMs?: number | undefined;
  /** SYNs through a raw socket: Linux, with CAP_NET_RAW. By default without any privilege. */
  readonly raw?: boolean | undefined;
  /** A TCP port, 1 to 65535, to wait for. Never that of a door for a single connection: waiting uses it up. */
  readonly wait?: number | undefined;
  /** How long to wait, in milliseconds from the first knock's last packet, 1 to 86400000; by default 10000. */
  readonly timeoutMs?: number | undefined;
  /** How often to knock again while waiting (after 1 s, 2 s, 4 s …), 0 to 30; by default 3. */
  readonly retries?: number | undefined;
  /** Ends the knocking and the waiting. */
  readonly signal?: AbortSignal | undefined;
}

/** All that `knock` takes. */
export type KnockOptions = KnockDelivery & KnockRequest;

export const longestDelayMs = 60_000;
export const longestTimeoutMs = 86_400_000;
export const mostRetries = 30;

/** @throws TypeError, RangeError */
export function requireKnockOptions(options: KnockOptions): void {
  const { host, family, delayMs, wait, timeoutMs, retries } = options;
  requireText('host', host);
  requireFamily(family);
  requireWithin('delayMs', delayMs, 0, longestDelayMs);
  requireWithin('wait', wait, 1, 65535);
  requireWithin('timeoutMs', timeoutMs, 1, longestTimeoutMs);
  requireWithin('retries', retries, 0, mostRetries);
  requireRequest(options);
}

function requireRequest(request: KnockRequest): void {
  switch (request.method) {
    case 'port-sequence':
      requirePortSequence(request);
      break;
    case 'plain-sequence':
    case 'datagram':
    case 'challenge':
      // Checked by who composes it, which is loaded for it alone.
      break;
    default: {
      const { method } = request as { readonly method: unknown };
      throw new TypeError(
        `"method" expected "port-sequence", "plain-sequence", "datagram" or "challenge", got ${JSON.stringify(method)}`,
      );
    }
  }
}

function requirePortSequence(request: PortSequenceRequest): void {
  const { basePort, spelling = 'ordered', command, identity } = request;
  if (!spellings.includes(spelling)) {
    throw new RangeError(`"spelling" expected "ordered" or "spread", got ${JSON.stringify(spelling)}`);
  }
  requireBasePort(spelling, basePort);
  if (typeof identity !== 'object' || identity === null) {
    throw new TypeError('"identity" expected an object with keys or a passphrase');
  }
  requireInteger('command', command, 0, isClassic(identity) ? 0xffffffff : 0xff);
  if (isClassic(identity)) requireText('classicPassphrase', identity.classicPassphrase);
  else requireSealed(identity);
}

function requireSealed(identity: SealedIdentity): void {
  requireInteger('clientId', identity.clientId, 0, 0xffff);
  requireKey('siteKey', identity.siteKey);
  requireKey('key', identity.key);
  if (!isAddressChoice(identity.address)) {
    throw new TypeError(
      `"address" expected "auto", "local", "none" or an address, got ${JSON.stringify(identity.address)}`,
    );
  }
}

/** @throws RangeError */
export function requireFamily(family: unknown): void {
  if (family === undefined || family === 4 || family === 6) return;
  throw new RangeError(`"family" expected 4 or 6, got ${family}`);
}

/** @throws TypeError */
export function requireText(name: string, value: unknown): void {
  if (typeof value !== 'string' || value === '') throw new TypeError(`"${name}" expected a text`);
}

function requireKey(name: string, value: unknown): void {
  if (!(value instanceof Uint8Array)) throw new TypeError(`"${name}" expected 32 bytes`);
  if (value.length !== 32) throw new RangeError(`"${name}" expected 32 bytes, got ${value.length}`);
}

/** A whole number within bounds, or none. @throws TypeError, RangeError */
export function requireWithin(
  name: string,
  value: number | undefined,
  lowest: number,
  highest: number,
): void {
  if (value !== undefined) requireInteger(name, value, lowest, highest);
}
