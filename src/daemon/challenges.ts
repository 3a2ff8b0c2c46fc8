/** The table [challenge] of portknockd.toml → at which port challenges are asked for, and under which key. */
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { udp } from '../net/packet.js';
import { readKeyFile } from '../system/secret.js';
import { BackendReader } from './backend.js';
import type { Capture, ChallengeSettings } from './config.js';
import type { Clients, Doors } from './identities.js';
import { writtenKeys } from './keyfiles.js';
import { describeSharedKey, keysOf, type SharedKey, sharedKeys } from './keynames.js';
import { formatService, type Table } from './schema.js';

type Key = keyof Table<'challenge'>;

export class ChallengeReader extends BackendReader {
  /** Undefined where there is no such table, or it holds mistakes. */
  protected readChallenge(
    capture: Capture | undefined,
    doors: Doors,
    clients: Clients,
  ): ChallengeSettings | undefined {
    if (this.document.value['challenge'] === undefined) return undefined;
    const table = this.section('challenge');
    if (capture !== undefined && capture.from !== 'nflog') {
      this.#wrong(undefined, 'challenges need [capture] from = "nflog", for their rule logs there');
    }
    this.#requireOwnKeys(clients);
    if (table === undefined) return undefined;
    this.#requireOwnPort(table, doors);
    this.#requireVerifier(table);
    this.#warn(table, clients);
    const site = this.#site(table);
    const keySources = { keyring: this.keyring, clients: this.keySources };
    return (
      site && { port: table.port, ...site, skewMs: table.skew, verifyWith: table.verify_with, keySources }
    );
  }

  #wrong(key: Key | undefined, message: string, hint?: string): undefined {
    const path = key === undefined ? ['challenge'] : ['challenge', key];
    this.mistake(path, key === undefined ? `[challenge]: ${message}` : `challenge.${key}: ${message}`, hint);
  }

  #unwise(key: Key | undefined, text: string): void {
    const { line } = this.place(key === undefined ? ['challenge'] : ['challenge', key]);
    const where = key === undefined ? '[challenge]' : `challenge.${key}`;
    this.warnings.push(`${this.file}:${line}: ${where}: ${text}`);
  }

  #site({
    stealth,
    site,
    site_key_file: file,
  }: Table<'challenge'>): Pick<ChallengeSettings, 'siteKey' | 'site'> | undefined {
    if (!stealth) {
      if (file !== undefined)
        return this.#wrong(
          'site_key_file',
          'it does not go with stealth = false',
          'leave one of the two out',
        );
      if (site !== undefined) return { siteKey: undefined, site };
      return this.#wrong(
        undefined,
        '"site" is missing',
        'without a site key, clients name this server in what they sign: site = "example.org"',
      );
    }
    if (site !== undefined) {
      const hint = 'leave it out: with a site key, that key names this server in what is signed';
      return this.#wrong('site', 'it goes with stealth = false only', hint);
    }
    if (file === undefined) return this.#wrong(undefined, '"site_key_file" is missing', keyHint);
    const siteKey = this.attempt(() =>
      readKeyFile(this.path(file), { hint: keyHint, ...this.place(['challenge', 'site_key_file']) }),
    );
    return siteKey && { siteKey, site: '' };
  }

  /** What comes to the port is for challenges alone. */
  #requireOwnPort({ port }: Table<'challenge'>, doors: Doors): void {
    for (const { door } of doors) {
      const services = door.kind === 'services' ? door.services : [];
      const service = services.find(each => each.protocol === udp && each.port === port);
      const isStep = door.sequence?.steps.some(step => step.protocol === udp && step.port === port) === true;
      if (service === undefined && !isStep) continue;
      const what = service === undefined ? 'a port of the sequence' : formatService(service);
      const message = `port ${port} is that of door "${door.name}" (${what === 'a port of the sequence' ? what : `its service ${what}`})`;
      this.#wrong('port', message, 'choose another, at which nothing listens');
    }
  }

  #requireVerifier({ verify_with: verifier }: Table<'challenge'>): void {
    if (verifier !== 'gpgv' || isInPath('gpgv')) return;
    this.#wrong('verify_with', 'there is no program gpgv', 'apt install gpgv');
  }

  /** Whose signature would it be? Of what clients write into files of their own, nothing is a mistake. */
  #requireOwnKeys(clients: Clients): void {
    const written = new Map(
      this.keySources.map(source => [source.client, keysOf({ openpgp: [], ssh: writtenKeys(source) })]),
    );
    const isOurs = (client: string, { name, from }: SharedKey) =>
      from === 'openpgp' || written.get(client)?.some(key => key.name === name) === true;
    const warnings: string[] = [];
    for (const shared of sharedKeys(clients.map(({ client }) => client))) {
      const { name, from, owner, client } = shared;
      const path = [...(clients.find(each => each.client.name === client)?.path ?? []), from];
      if (isOurs(client, shared) && isOurs(owner, shared)) {
        const hint = "one client can have several doors, and a key is one client's";
        this.mistake(path, `client "${client}": its key ${name} is that of client "${owner}"`, hint);
      } else warnings.push(`${this.file}:${this.place(path).line}: ${describeSharedKey(shared)}`);
    }
    this.warnings.push(...warnings.slice(0, mostShared));
  }

  #warn({ stealth }: Table<'challenge'>, clients: Clients): void {
    if (!stealth) {
      const text = 'the port answers everybody who asks as portknock does, so a scan can find it';
      this.#unwise('stealth', text);
    }
    const signers = clients.filter(({ client }) => client.kind === 'signer');
    if (signers.length === 0)
      this.#unwise(undefined, 'no client has "openpgp" or "ssh_keys": nobody can answer');
    for (const { client, path } of signers) {
      if (client.kind !== 'signer' || client.revoked || keysOf(client).length > 0) continue;
      const { line } = this.place(path);
      this.warnings.push(
        `${this.file}:${line}: client "${client.name}" has no key: nobody can answer for it`,
      );
    }
  }
}

/** Warnings of keys that are several clients'. */
const mostShared = 10;
const keyHint = 'make one: openssl rand -hex 32 > challenge.key; chmod 600 challenge.key';

function isInPath(program: string): boolean {
  return (process.env['PATH'] ?? '/usr/bin:/bin').split(':').some(folder => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
