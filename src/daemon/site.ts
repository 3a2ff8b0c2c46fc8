/**
 * What the listener needs of the configuration, and the recogniser's own form of it.
 *
 * The first is plain JSON: the monitor reads files and hands the listener what it may know.
 */
import { classicCipher } from '../methods/port-sequence/classic.js';
import type { ClassicClient, SealedClient, Site } from '../methods/port-sequence/recognise.js';
import { blockCipher, tagKey } from '../methods/port-sequence/sealed.js';
import type { Spelling } from '../methods/port-sequence/spelling.js';
import type { ClientSettings, Config } from './config.js';

interface AnySiteClient {
  readonly name: string;
  readonly doors: readonly string[];
  readonly revoked: boolean;
}

/** Keys are in hexadecimal. */
export interface SiteSettings {
  readonly spelling: Spelling;
  readonly basePort: number;
  readonly skewMs: number;
  readonly siteKey: string | undefined;
  readonly doors: readonly (readonly [command: number, name: string])[];
  readonly sealed: readonly (AnySiteClient & {
    readonly id: number;
    readonly key: string;
    readonly addressRequired: boolean;
  })[];
  readonly classic: readonly (AnySiteClient & { readonly passphrase: string })[];
}

/** Undefined where no port sequence is configured. */
export function siteSettings(config: Config): SiteSettings | undefined {
  if (config.portSequence === undefined) return undefined;
  const { spelling, basePort, skewMs, siteKey } = config.portSequence;
  const named = ({ name, doors, revoked }: ClientSettings) => ({ name, doors, revoked });
  return {
    spelling,
    basePort,
    skewMs,
    siteKey: siteKey && hex(siteKey),
    doors: config.doors.flatMap(({ command, name }) =>
      command === undefined ? [] : [[command, name] as const],
    ),
    sealed: config.clients.flatMap(client =>
      client.kind === 'sealed'
        ? [{ ...named(client), id: client.id, key: hex(client.key), addressRequired: client.addressRequired }]
        : [],
    ),
    classic: config.clients.flatMap(client =>
      client.kind === 'classic' ? [{ ...named(client), passphrase: client.passphrase }] : [],
    ),
  };
}

export function buildSite(settings: SiteSettings): Site {
  const sealed = settings.sealed.map(
    ({ key, doors, ...client }): SealedClient => ({
      ...client,
      tagKey: tagKey(bytes(key)),
      doors: new Set(doors),
    }),
  );
  const classicClients = settings.classic.map(
    ({ passphrase, doors, ...client }): ClassicClient => ({
      ...client,
      cipher: classicCipher(passphrase),
      doors: new Set(doors),
    }),
  );
  return {
    spelling: settings.spelling,
    basePort: settings.basePort,
    skewMs: settings.skewMs,
    cipher: settings.siteKey === undefined ? undefined : blockCipher(bytes(settings.siteKey)),
    clients: new Map(sealed.map(client => [client.id, client])),
    classicClients,
    doors: new Map(settings.doors),
  };
}

/** As it stands in what the listener is told. */
export function hex(key: Uint8Array): string {
  return Buffer.from(key).toString('hex');
}

export function bytes(key: string): Uint8Array {
  return Buffer.from(key, 'hex');
}
