/**
 * The thread that reads keyrings for keyring.ts: it takes the public keys out, puts copies of one together, and says
 * what each is worth at that moment.
 */
import { keyStateAt, type PublicKey, readPublicKeys, userIdsAt } from '../crypto/openpgp.js';
import { answerApart } from './apart.js';
import type { KeyringContents, KeyringFile, KeyringKey, KeyringTask } from './keyring.js';

type Mistake = Extract<KeyringContents, { mistake: unknown }>['mistake'];

interface Found {
  key: PublicKey;
  readonly path: string;
}

async function read({ files, at }: KeyringTask): Promise<KeyringContents> {
  const found = new Map<string, Found>();
  for (const file of files) {
    const keys = await keysOf(file);
    if (typeof keys === 'string') return { mistake: keys, path: file.path };
    for (const key of keys) await merge(found, key, file.path, at);
  }
  const keys: KeyringKey[] = [];
  for (const each of found.values()) keys.push(await describe(each, at));
  return { keys };
}

/** A revocation counts in whichever copy it stands. */
async function merge(found: Map<string, Found>, key: PublicKey, path: string, at: number): Promise<void> {
  const fingerprint = key.getFingerprint();
  const before = found.get(fingerprint);
  if (before === undefined) found.set(fingerprint, { key, path });
  else before.key = await before.key.update(key, new Date(at));
}

async function describe({ key, path }: Found, at: number): Promise<KeyringKey> {
  return {
    fingerprint: key.getFingerprint(),
    userIds: await userIdsAt(key, at),
    bytes: key.write(),
    state: await keyStateAt(key, at),
    path,
  };
}

/** Where a keybox says what it is. */
const keyboxAt = 8;

async function keysOf({ bytes }: KeyringFile): Promise<readonly PublicKey[] | Mistake> {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (all.subarray(keyboxAt, keyboxAt + 4).toString('latin1') === 'KBXf') return 'keybox';
  // The first bit of a packet is always set (RFC 9580 section 4.2), of a letter never.
  if ((all[0] ?? 0) >= 0x80) return await readPublicKeys(bytes);
  const blocks = armouredIn(all.toString('utf8'));
  if (blocks.length === 0) return 'malformed';
  const keys: PublicKey[] = [];
  for (const block of blocks) {
    const found = await readPublicKeys(block);
    if (typeof found === 'string') return found;
    keys.push(...found);
  }
  return keys;
}

/** RFC 9580 section 6.2; what stands around it is for people. */
function armouredIn(text: string): string[] {
  const blocks: string[] = [];
  const heads = /^-----BEGIN PGP (PUBLIC|PRIVATE) KEY BLOCK-----[ \t]*\r?$/gm;
  for (const { index, 1: kind } of text.matchAll(heads)) {
    const tail = `-----END PGP ${kind} KEY BLOCK-----`;
    const end = text.indexOf(tail, index);
    // Without an end it is damaged, which the library finds too.
    blocks.push(text.slice(index, end < 0 ? undefined : end + tail.length + 1));
  }
  return blocks;
}

void answerApart<KeyringTask>(read);
