/**
 * Signatures of OpenPGP judged by GnuPG's gpgv, for those who trust GnuPG alone: one short process for each.
 *
 * gpgv ends well also where a key has expired or was revoked, and its words for people can be forged by the name of a
 * key: what counts are the lines of its status (GnuPG's doc/DETAILS), read strictly.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, closeSync, constants, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { isOneSignaturePacket } from '../crypto/openpgppacket.js';
import type { Signed } from '../methods/challenge/judge.js';
import type { Judgement, SignatureFlaw, Signer } from '../methods/challenge/site.js';

const folders = ['/usr/bin', '/usr/local/bin', '/bin'];

/** The program's path; undefined where it is not installed (Debian: apt install gpgv). */
export function findGpgv(): string | undefined {
  return folders
    .map(folder => `${folder}/gpgv`)
    .find(path => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

const patienceMs = 5000;
const longestStatus = 1 << 16;
const minuteSeconds = 60;
const daySeconds = 86_400;
const keyDigits = 40;
/** As OpenPGP numbers them: SHA-256, SHA-384, SHA-512, SHA3-256, SHA3-512. */
const strongHashes: ReadonlySet<string> = new Set(['8', '9', '10', '12', '14']);
const binaryDocument = '00';

/** What a run of gpgv says of a signature. */
interface Valid {
  /** Of the part of the key that made it. */
  readonly maker: string;
  readonly createdAt: number;
  readonly hash: string;
  readonly type: string;
  readonly primary: string;
  readonly flaw: SignatureFlaw | undefined;
}

export class Gpgv {
  readonly #program: string;
  /** The keyring: open, and without a name any more, so that nothing is left behind. */
  readonly #keyring: number;
  /** By the fingerprints of primary keys. */
  readonly #clients = new Map<string, string>();
  readonly #weakParts: ReadonlySet<string>;
  readonly #patienceMs: number;

  /**
   * @param program its path @param weakParts fingerprints of keys that are too short
   * @throws where the keyring cannot be written
   */
  constructor(
    program: string,
    signers: readonly Signer[],
    weakParts: readonly string[] = [],
    longestMs = patienceMs,
  ) {
    this.#patienceMs = longestMs;
    this.#program = program;
    this.#weakParts = new Set(weakParts);
    for (const { client, openpgp } of signers) {
      for (const { fingerprint } of openpgp) {
        if (!this.#clients.has(fingerprint)) this.#clients.set(fingerprint, client);
      }
    }
    this.#keyring = writeKeyring(signers.flatMap(({ openpgp }) => openpgp.map(({ bytes }) => bytes)));
  }

  close(): void {
    closeSync(this.#keyring);
  }

  /** Never fails: where gpgv cannot be run, or says what it must not, a signature is not judged. */
  async judge({ text, signature, at }: Pick<Signed, 'text' | 'signature' | 'at'>): Promise<Judgement> {
    if (!isOneSignaturePacket(signature)) return nobody('malformed');
    const status = await this.#run(text, signature);
    const found = status === undefined ? 'not-judged' : readStatus(status);
    if (typeof found === 'string') return nobody(found);
    const client = this.#clients.get(found.primary);
    if (client === undefined) return nobody('unknown-key');
    const flaw = this.#flawOf(found, at / 1000);
    const key = found.primary.slice(0, keyDigits);
    return flaw === undefined ? { client, key } : { flaw, client, key };
  }

  #flawOf({ type, hash, maker, flaw, createdAt }: Valid, at: number): SignatureFlaw | undefined {
    if (type !== binaryDocument) return 'malformed';
    if (!strongHashes.has(hash) || this.#weakParts.has(maker)) return 'weak-signature';
    if (flaw !== undefined) return flaw;
    return createdAt > at + minuteSeconds || createdAt < at - daySeconds ? 'bad-signature' : undefined;
  }

  /** @returns its status; undefined where it could not be run, took too long or said too much */
  #run(text: Uint8Array, signature: Uint8Array): Promise<string | undefined> {
    return new Promise(resolve => {
      const child = spawn(
        this.#program,
        [
          ...['--homedir', '/nonexistent', '--status-fd', '1', '--enable-special-filenames'],
          ...['--keyring', '/dev/fd/4', '--', '-&3', '-'],
        ],
        { stdio: ['pipe', 'pipe', 'ignore', 'pipe', this.#keyring], env: { LC_ALL: 'C' }, cwd: '/' },
      );
      const deadline = setTimeout(() => child.kill('SIGKILL'), this.#patienceMs);
      const end = (status: string | undefined) => {
        clearTimeout(deadline);
        resolve(status);
      };
      child.on('error', () => end(undefined));
      const status = listen(child);
      child.on('close', (_code, signal) => end(signal === null ? status() : undefined));
      feed(child.stdin, text);
      feed(child.stdio[3] as Writable | null, signature);
    });
  }
}

/** Writes keys to a file that is gone at once, but stays open. */
function writeKeyring(keys: readonly Uint8Array[]): number {
  const folder = mkdtempSync(join(tmpdir(), 'portknock-'));
  try {
    const path = join(folder, 'keyring.gpg');
    writeFileSync(path, Buffer.concat(keys), { mode: 0o600 });
    return openSync(path, 'r');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function listen(child: ChildProcess): () => string | undefined {
  const chunks: Buffer[] = [];
  let length = 0;
  child.stdout?.on('error', () => {});
  child.stdout?.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length > longestStatus) child.kill('SIGKILL');
    else chunks.push(chunk);
  });
  return () => (length > longestStatus ? undefined : Buffer.concat(chunks).toString('latin1'));
}

function feed(stream: Writable | null, bytes: Uint8Array): void {
  // One that ends without reading has said why.
  stream?.on('error', () => {});
  stream?.end(bytes);
}

function nobody(flaw: SignatureFlaw): Judgement {
  return { flaw, client: undefined, key: undefined };
}

/** Those words that say of a signature that is right why it is not good. */
const flaws: ReadonlyMap<string, SignatureFlaw> = new Map([
  ['EXPKEYSIG', 'key-expired'],
  ['REVKEYSIG', 'key-revoked'],
  ['EXPSIG', 'bad-signature'],
]);
/** ERRSIG's fourth number: GPG_ERR_NO_PUBKEY is 9. */
const noPublicKey = '9';

/** A line of VALIDSIG: fingerprint, date, time, expiry, version, reserved, algorithm, hash, type, primary key. */
const validLength = 10;

function readStatus(status: string): Valid | SignatureFlaw {
  const lines = status
    .split('\n')
    .filter(line => line.startsWith('[GNUPG:] '))
    .map(line => line.split(' ').slice(1));
  const named = (name: string) => lines.filter(([word]) => word === name);
  const [outcome, ...others] = ['GOODSIG', 'BADSIG', 'ERRSIG', ...flaws.keys()].flatMap(named);
  const isOne = others.length === 0 && named('NEWSIG').length <= 1;
  if (!isOne || named('NODATA').length > 0) return 'malformed';
  const [word = '', , , , , , reason] = outcome ?? [];
  if (word === 'ERRSIG') return reason === noPublicKey ? 'unknown-key' : 'weak-signature';
  if (word === 'BADSIG') return 'bad-signature';
  const [valid, ...more] = named('VALIDSIG');
  if (word === '' || valid === undefined || more.length > 0 || valid.length !== validLength + 1)
    return 'not-judged';
  const [, maker = '', , created, , , , , hash = '', type = '', primary = ''] = valid;
  const [of, made] = [primary.toLowerCase(), maker.toLowerCase()];
  return { maker: made, createdAt: Number(created), hash, type, primary: of, flaw: flaws.get(word) };
}
