/** Signatures of OpenPGP: those of OpenPGP.js before the real gpg, and forms that no honest program makes. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import {
  createMessage,
  enums,
  generateKey,
  PacketList,
  type PrivateKey,
  config as preset,
  readPrivateKey,
  SignaturePacket,
  sign,
} from 'openpgp';
import {
  keyStateAt,
  readDetachedSignature,
  readPublicKey,
  readPublicKeys,
  verifyDetached,
} from '../../src/crypto/openpgp.js';
import { Gnupg } from './gnupg.js';

const gnupg = new Gnupg({ after });
const text = Buffer.from('portknock challenge 1\nsite: name test\n');
const dayMs = 86_400_000;

/** Some seconds old: the clocks of libraries do not agree within one. */
const madeAt = new Date(Date.now() - 10_000);

async function make(options: Partial<Parameters<typeof generateKey>[0]> = {}): Promise<PrivateKey> {
  const userIDs = { name: 'John', email: 'john@doe.com' };
  const made = await generateKey({ userIDs, date: madeAt, ...options, format: 'binary' });
  return await readPrivateKey({ binaryKey: made.privateKey });
}

type Signing = Partial<Parameters<typeof sign>[0]>;

async function signBy(
  key: PrivateKey,
  options: Signing = {},
  message: Uint8Array = text,
): Promise<Uint8Array> {
  const signed = await sign({
    ...{
      message: await createMessage({ binary: new Uint8Array(message) }),
      signingKeys: key,
      detached: true,
    },
    ...(options as object),
    format: 'binary',
  });
  return signed as Uint8Array;
}

const ed25519 = await make();
const modern = await make({ type: 'curve25519', config: { ...preset, v6Keys: true } } as object);
const rsa = await make({ type: 'rsa', rsaBits: 3072 });
const withSubkey = await make({ subkeys: [{ sign: true }] } as object);

async function judge(
  key: PrivateKey,
  signature: Uint8Array,
  at = Date.now(),
  message = text,
): Promise<string> {
  const read = await readDetachedSignature(signature);
  if (typeof read === 'string') return read;
  const known = (await readPublicKey(key.toPublic().write())) ?? assert.fail();
  return await verifyDetached(read, message, known, at);
}

test('what OpenPGP.js signs is good, here and for gpg', async () => {
  for (const key of [ed25519, rsa, withSubkey]) {
    const signature = await signBy(key);
    assert.equal(await judge(key, signature), 'good');
    gnupg.run(['--import'], key.toPublic().write());
    assert.equal(gnupg.verifies(signature, text), true);
    assert.equal(gnupg.verifies(signature, Buffer.from('x')), false);
  }
  assert.equal(modern.keyPacket.version, 6);
  assert.equal(await judge(modern, await signBy(modern)), 'good');
});

test('a moment is that of the packet, not that of the signature', async () => {
  const key = await make({ keyExpirationTime: 3600 });
  const signature = await signBy(key);
  const now = Date.now();
  assert.equal(await judge(key, signature, now), 'good');
  assert.equal(await judge(key, signature, now + 2 * 3_600_000), 'key-expired');
  assert.equal(await judge(key, signature, now - 120_000), 'bad-signature');
  assert.equal(await judge(ed25519, await signBy(ed25519), now + dayMs / 2), 'good');
  assert.equal(await judge(ed25519, await signBy(ed25519), now + dayMs + 60_000), 'bad-signature');
});

/** A signature with its packet changed before it is made. */
async function signWith(key: PrivateKey, change: (packet: SignaturePacket) => void): Promise<Uint8Array> {
  const [literal] = (await createMessage({ binary: new Uint8Array(text) })).packets;
  const packet = new SignaturePacket();
  const { keyPacket } = key;
  Object.assign(packet, {
    ...{ version: keyPacket.version, signatureType: enums.signature.binary },
    ...{ publicKeyAlgorithm: keyPacket.algorithm, hashAlgorithm: enums.hash.sha512 },
  });
  change(packet);
  // Its types leave the last argument out.
  const signer = packet as unknown as { sign(...given: readonly unknown[]): Promise<void> };
  const config = { ...preset, nonDeterministicSignaturesViaNotation: false };
  await signer.sign(keyPacket, literal, new Date(), true, config);
  const list = new PacketList<SignaturePacket>();
  list.push(packet);
  return list.write() as Uint8Array;
}

test('critical notations, other types and weak hashes are refused', async () => {
  const notation = { name: 'n@example.org', value: Buffer.from('v'), humanReadable: true };
  const changes: readonly [expected: string, change: (packet: SignaturePacket) => void][] = [
    ['good', () => {}],
    ['good', packet => packet.rawNotations.push({ ...notation, critical: false })],
    ['malformed', packet => packet.rawNotations.push({ ...notation, critical: true })],
    ['malformed', packet => Object.assign(packet, { signatureType: enums.signature.text })],
    ['malformed', packet => Object.assign(packet, { signatureType: enums.signature.standalone })],
    ['weak-signature', packet => Object.assign(packet, { hashAlgorithm: enums.hash.sha1 })],
    ['weak-signature', packet => Object.assign(packet, { hashAlgorithm: enums.hash.sha224 })],
    ['weak-signature', packet => Object.assign(packet, { hashAlgorithm: enums.hash.ripemd })],
  ];
  for (const [expected, change] of changes) {
    assert.equal(await judge(rsa, await signWith(rsa, change)), expected);
  }
});

/** Where the subpackets of a signature that are hashed end, in a packet of the new form with one byte of length. */
function endOfHashed(signature: Uint8Array): number {
  const body = signature[1]! < 192 ? 2 : 3;
  return body + 6 + signature[body + 4]! * 256 + signature[body + 5]!;
}

test('an unknown critical subpacket is refused, though nobody signed it out', async () => {
  const packet = await signBy(ed25519);
  assert.equal(packet[0], 0xc2);
  const read = await readDetachedSignature(packet);
  assert(typeof read === 'object');
  // Hashed ones cannot be added afterwards; a reader sees them before it verifies.
  const at = endOfHashed(packet);
  const body = Buffer.from(packet.subarray(packet[1]! < 192 ? 2 : 3, at));
  body.writeUInt16BE(body.readUInt16BE(4) + 2, 4);
  const all = Buffer.concat([body, Uint8Array.of(1, 0x80 | 100), packet.subarray(at)]);
  const head = [0xc2, 0xff, 0, 0, all.length >> 8, all.length & 0xff];
  assert.equal(await readDetachedSignature(Buffer.concat([Uint8Array.from(head), all])), 'malformed');
});

test('a signature that names another key, or none, is not good', async () => {
  const other = await make();
  const signature = Buffer.from(await signBy(ed25519));
  const [from, to] = [ed25519, other].map(key => Buffer.from(key.getKeyID().toHex(), 'hex')) as [
    Buffer,
    Buffer,
  ];
  for (const id of [to, Buffer.alloc(8)]) {
    const forged = Buffer.from(signature);
    for (let at = forged.indexOf(from); at >= 0; at = forged.indexOf(from, at)) id.copy(forged, at);
    assert.equal(await judge(other, forged), 'bad-signature');
    assert.equal(await judge(ed25519, forged), 'bad-signature');
  }
});

test('several packets, none, and what is no detached signature', async () => {
  const one = await signBy(ed25519);
  const message = await createMessage({ binary: new Uint8Array(text) });
  const inline = (await sign({ message, signingKeys: ed25519, format: 'binary' })) as Uint8Array;
  const v3 = Uint8Array.of(0xc2, 19, 3, 5, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 1, 8, 0, 0);
  const wrong = [
    ...[Buffer.concat([one, one]), Buffer.concat([one, await signBy(rsa)]), new Uint8Array(), inline, v3],
    ...[Buffer.concat([Uint8Array.of(0xca, 3, 0x50, 0x47, 0x50), one]), ed25519.toPublic().write()],
    ...[Buffer.concat([one, Uint8Array.of(0xca, 3, 0x50, 0x47, 0x50)]), Buffer.from(ed25519.armor())],
  ];
  for (const bytes of wrong) assert.equal(await readDetachedSignature(bytes), 'malformed');
});

/** What of a signature its maker vouches for. */
async function substanceOf(signature: Uint8Array): Promise<unknown> {
  const read = await readDetachedSignature(signature);
  if (typeof read === 'string') return read;
  const { signatureData, params } = read.packet as SignaturePacket & { readonly params: unknown };
  return { signatureData, params };
}

test('no bit can be flipped in what is signed, and nothing fails', async () => {
  const one = await signBy(ed25519);
  const substance = await substanceOf(one);
  for (let bit = 0; bit < one.length * 8; bit++) {
    const flipped = Uint8Array.from(one);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    const verdict = await judge(ed25519, flipped);
    // What is not signed may differ: the unhashed subpackets, and how long a number is said to be.
    if (verdict === 'good') assert.deepEqual(await substanceOf(flipped), substance, `bit ${bit}`);
  }
  for (let length = 0; length < one.length; length++) {
    assert.equal(await readDetachedSignature(one.subarray(0, length)), 'malformed');
  }
});

test('random bytes are nothing, and nothing fails', async () => {
  for (let seed = 1; seed <= 300; seed++) {
    let state = seed;
    const bytes = Uint8Array.from({ length: seed }, () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return state >>> 24;
    });
    const packet = Buffer.concat([
      Uint8Array.of(0xc2, 0xff, 0, 0, seed >> 8, seed & 0xff, 4, 0, 22, 10),
      bytes,
    ]);
    packet.writeUInt32BE(packet.length - 6, 2);
    for (const each of [bytes, packet]) assert.equal(typeof (await readDetachedSignature(each)), 'string');
    assert.equal(await readPublicKey(bytes), undefined);
    assert.equal(await readPublicKeys(bytes), 'malformed');
  }
});

test('what a key is worth', async () => {
  const now = Date.now();
  const read = async (key: PrivateKey) => (await readPublicKey(key.toPublic().write())) ?? assert.fail();
  assert.equal(await keyStateAt(await read(ed25519), now), 'good');
  assert.equal(await keyStateAt(await read(await make({ keyExpirationTime: 60 })), now + dayMs), 'expired');
  assert.equal(await keyStateAt(await read(await ed25519.revoke({}, madeAt)), now), 'revoked');
  assert.equal(await readPublicKey(ed25519.write()), undefined);
});
