/** The vectors of port sequences, and a daemon's configuration to hear each of them with. */
import { readFileSync } from 'node:fs';
import { classicCipher } from '../../../src/methods/port-sequence/classic.js';
import type { ClassicClient, SealedClient, Site } from '../../../src/methods/port-sequence/recognise.js';
import { blockCipher, tagKey, zeroAddress } from '../../../src/methods/port-sequence/sealed.js';
import { parseAddress } from '../../../src/net/address.js';

export interface ClassicVector {
  readonly name: string;
  readonly kind: 'classic';
  readonly passphrase: string;
  readonly command: number;
  readonly base_port: number;
  readonly block: string;
  readonly ports: readonly number[];
}

export interface SealedVector {
  readonly name: string;
  readonly kind: 'sealed';
  readonly site_key: string;
  readonly client_key: string;
  readonly client: number;
  readonly command: number;
  readonly time_ms: number;
  readonly base_port: number;
  readonly address: string | null;
  readonly block: string;
  readonly ordered: readonly number[];
  readonly spread: readonly number[];
}

const file = new URL('../../../../test/vectors/port-sequence.json', import.meta.url);
const { vectors } = JSON.parse(readFileSync(file, 'utf8')) as {
  readonly vectors: readonly (ClassicVector | SealedVector | { readonly kind: 'spread' })[];
};

export const classicVectors = vectors.filter(vector => vector.kind === 'classic');
export const sealedVectors = vectors.filter(vector => vector.kind === 'sealed');

export const hex = (text: string): Buffer => Buffer.from(text, 'hex');

/** Gives `use` the bytes from the middle of a larger buffer, which is overwritten afterwards. */
export function embedded<T>(bytes: Uint8Array, use: (view: Uint8Array) => T): T {
  const larger = Buffer.alloc(bytes.length + 45, 0xa5);
  larger.set(bytes, 19);
  try {
    return use(larger.subarray(19, 19 + bytes.length));
  } finally {
    larger.fill(0x5a);
  }
}

/** A source for whom the vector is good; any will do where the block binds none. */
export function sourceOf(vector: SealedVector): Uint8Array {
  return parseAddress(vector.address ?? '198.51.100.7')!;
}

/** The address that the vector's block binds. */
export function addressOf(vector: SealedVector): Uint8Array {
  return vector.address === null ? zeroAddress : sourceOf(vector);
}

/** The client that made a vector, for whom it is good. */
export function sealedClient(vector: SealedVector, changes: Partial<SealedClient> = {}): SealedClient {
  return {
    name: 'laptop',
    id: vector.client,
    tagKey: embedded(hex(vector.client_key), tagKey),
    doors: new Set(['ssh']),
    addressRequired: vector.address !== null,
    revoked: false,
    ...changes,
  };
}

/** The site that a vector was made for, with its one client and its one door. */
export function sealedSite(vector: SealedVector, changes: Partial<Site> = {}): Site {
  const client = sealedClient(vector);
  return {
    spelling: 'ordered',
    basePort: vector.base_port,
    skewMs: 60_000,
    cipher: embedded(hex(vector.site_key), blockCipher),
    clients: new Map([[client.id, client]]),
    classicClients: [],
    doors: new Map([[vector.command, 'ssh']]),
    ...changes,
  };
}

/** The client that made a classic vector. */
export function classicClient(vector: ClassicVector, changes: Partial<ClassicClient> = {}): ClassicClient {
  const cipher = classicCipher(vector.passphrase);
  return { name: 'old-laptop', cipher, doors: new Set(['ssh']), revoked: false, ...changes };
}

/** A site where nobody but the vector's maker knocks. */
export function classicSite(vector: ClassicVector, changes: Partial<Site> = {}): Site {
  return {
    spelling: 'ordered',
    basePort: vector.base_port,
    skewMs: 60_000,
    cipher: undefined,
    clients: new Map(),
    classicClients: [classicClient(vector)],
    doors: new Map([[vector.command, 'ssh']]),
    ...changes,
  };
}
