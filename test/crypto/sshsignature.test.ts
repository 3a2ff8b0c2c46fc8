/** Signatures of SSH: those of the real ssh-keygen, and what it says of ours. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { readSshKey, sshFingerprint } from '../../src/crypto/sshkey.js';
import {
  encodeSshSignature,
  readSshSignature,
  type SshHash,
  signedData,
  verifySshSignature,
} from '../../src/crypto/sshsignature.js';
import { concatenate, encodeString } from '../../src/crypto/sshwire.js';
import { Authenticator, mpint, SshKeygen, touched, touchedAndVerified } from './sshmade.js';

const keygen = new SshKeygen({ after });
const message = Buffer.from('portknock challenge 1\nsite: name test\n');
const untouched = { isHardware: false, wasTouched: false, wasVerified: false };

const made = [
  ['ed25519', undefined],
  ['rsa', 3072],
  ['rsa', 4096],
  ['ecdsa', 256],
  ['ecdsa', 384],
  ['ecdsa', 521],
] as const;
const lines = new Map(
  made.map(([type, bits]) => [type + (bits ?? ''), keygen.make(type + (bits ?? ''), type, bits)]),
);

function blobOf(line: string): Buffer {
  return Buffer.from(line.split(' ')[1] ?? '', 'base64');
}

function verdictOf(bytes: Uint8Array, text: Uint8Array = message): unknown {
  const signature = readSshSignature(bytes);
  return signature === undefined ? 'unreadable' : verifySshSignature(signature, text);
}

for (const [name, line] of lines) {
  test(`ssh-keygen signs with ${name}`, () => {
    for (const hash of ['sha256', 'sha512']) {
      const signature = keygen.sign(name, message, 'portknock', hash);
      const read = readSshSignature(signature);
      assert.deepEqual(Buffer.from(read?.publicKey ?? []), blobOf(line));
      assert.deepEqual([read?.namespace, read?.hashName], ['portknock', hash]);
      assert.deepEqual(verdictOf(signature), untouched);
      assert.equal(verdictOf(signature, Buffer.from('another text')), 'bad-signature');
    }
    const [, fingerprint] = keygen
      .run(['-l', '-f', `${name}.pub`])
      .toString()
      .split(' ');
    assert.equal(sshFingerprint(blobOf(line)), fingerprint);
  });
}

interface Own {
  readonly key: KeyObject;
  readonly line: string;
  readonly sign: (data: Uint8Array) => Uint8Array;
}

function ownEd25519(): Own {
  const { privateKey: key, publicKey } = generateKeyPairSync('ed25519');
  const point = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
  const blob = concatenate(encodeString('ssh-ed25519'), encodeString(point));
  const line = `ssh-ed25519 ${Buffer.from(blob).toString('base64')}`;
  const signBy = (data: Uint8Array) =>
    concatenate(encodeString('ssh-ed25519'), encodeString(sign(null, data, key)));
  return { key, line, sign: signBy };
}

function ownRsa(hash: SshHash, bits = 2048): Own {
  const { privateKey: key, publicKey } = generateKeyPairSync('rsa', { modulusLength: bits });
  const { e = '', n = '' } = publicKey.export({ format: 'jwk' });
  const numbers = [e, n].map(part => encodeString(mpint(Buffer.from(part, 'base64url'))));
  const blob = concatenate(encodeString('ssh-rsa'), ...numbers);
  const line = `ssh-rsa ${Buffer.from(blob).toString('base64')}`;
  const type = `rsa-sha2-${hash.slice(3)}`;
  return { key, line, sign: data => concatenate(encodeString(type), encodeString(sign(hash, data, key))) };
}

function envelope(
  { line, sign: signBy }: Own,
  hashName: SshHash = 'sha512',
  namespace = 'portknock',
): Uint8Array {
  const signature = signBy(signedData(namespace, hashName, message));
  return encodeSshSignature({ publicKey: blobOf(line), namespace, hashName, signature });
}

test('ssh-keygen takes our envelopes', () => {
  for (const own of [ownEd25519(), ownRsa('sha256'), ownRsa('sha512')]) {
    for (const hash of ['sha256', 'sha512'] as const) {
      const signature = envelope(own, hash);
      assert.equal(keygen.verifies(own.line, signature, message), true, own.line);
      assert.equal(keygen.verifies(own.line, signature, Buffer.from('x')), false);
      assert.deepEqual(verdictOf(signature), untouched);
    }
    assert.equal(keygen.verifies(own.line, envelope(own, 'sha512', 'file'), message), false);
  }
});

test('hardware keys: what was touched and asked for', () => {
  for (const kind of ['ed25519', 'ecdsa'] as const) {
    const authenticator = new Authenticator(kind);
    const flags = [0, touched, 0x04, touchedAndVerified];
    for (const flag of flags) {
      const signature = authenticator.sign(message, flag);
      const expected = {
        isHardware: true,
        wasTouched: (flag & 1) !== 0,
        wasVerified: (flag & 4) !== 0,
      };
      assert.deepEqual(verdictOf(signature), expected);
      assert.equal(verdictOf(signature, Buffer.from('x')), 'bad-signature');
      assert.equal(keygen.verifies(authenticator.line, signature, message), true);
    }
    // The flags are signed: nobody adds a touch afterwards.
    const forged = Buffer.from(authenticator.sign(message, 0));
    forged[forged.length - 5] = touched;
    assert.equal(verdictOf(forged), 'bad-signature');
  }
});

test('every bit flipped and every truncation is refused', () => {
  const all = [envelope(ownEd25519()), new Authenticator('ecdsa').sign(message)];
  for (const bytes of all) {
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Uint8Array.from(bytes);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      assert.equal(typeof verdictOf(flipped), 'string', `bit ${bit}`);
    }
    for (let length = 0; length < bytes.length; length++) {
      assert.equal(typeof verdictOf(bytes.subarray(0, length)), 'string');
    }
    assert.equal(verdictOf(concatenate(bytes, Uint8Array.of(0))), 'unreadable');
  }
});

test('weak, old and foreign forms are refused', () => {
  const { key, line } = ownRsa('sha512');
  const sha1 = (data: Uint8Array) =>
    concatenate(encodeString('ssh-rsa'), encodeString(sign('sha1', data, key)));
  assert.equal(verdictOf(envelope({ key, line, sign: sha1 })), 'weak-signature');
  assert.equal(verdictOf(envelope(ownRsa('sha512', 1024))), 'unsupported');
  const ed25519 = ownEd25519();
  const asRsa = (data: Uint8Array) =>
    concatenate(encodeString('rsa-sha2-512'), encodeString(sign(null, data, ed25519.key)));
  assert.equal(verdictOf(envelope({ ...ed25519, sign: asRsa })), 'bad-signature');
  const whole = Buffer.from(envelope(ed25519));
  const names = [encodeString('portknock'), encodeString(''), encodeString('sha512')] as const;
  const at = whole.indexOf(concatenate(...names));
  const behind = whole.subarray(at + concatenate(...names).length);
  for (const [reserved, hash, expected] of [
    ['', 'sha512', 'object'],
    ['x', 'sha512', 'string'],
    ['', 'sha1', 'string'],
  ]) {
    const changed = [names[0], encodeString(reserved ?? ''), encodeString(hash ?? '')];
    assert.equal(typeof verdictOf(concatenate(whole.subarray(0, at), ...changed, behind)), expected);
  }
  assert.equal(verdictOf(Buffer.from(keygen.sign('ed25519', message).toString('base64'))), 'unreadable');
});

test('random bytes are neither keys nor signatures, and nothing fails', () => {
  const types = fc.constantFrom(
    'ssh-ed25519',
    'ssh-rsa',
    'ecdsa-sha2-nistp256',
    'sk-ssh-ed25519@openssh.com',
    'x',
  );
  fc.assert(
    fc.property(
      types,
      fc.uint8Array({ maxLength: 300 }),
      fc.uint8Array({ maxLength: 200 }),
      (type, one, two) => {
        const publicKey = concatenate(encodeString(type), one);
        readSshKey(publicKey);
        const signature = concatenate(encodeString(type), encodeString(two));
        const bytes = encodeSshSignature({
          publicKey,
          namespace: 'portknock',
          hashName: 'sha512',
          signature,
        });
        assert.equal(typeof verdictOf(bytes), 'string');
        assert.equal(verdictOf(one), 'unreadable');
      },
    ),
  );
});

test('points that are on no curve are no keys', () => {
  const point = concatenate(Uint8Array.of(4), new Uint8Array(63).fill(1), Uint8Array.of(2));
  const names = [encodeString('ecdsa-sha2-nistp256'), encodeString('nistp256')];
  assert.equal(readSshKey(concatenate(...names, encodeString(point))), undefined);
  assert.notEqual(readSshKey(blobOf(lines.get('ecdsa256') ?? '')), undefined);
});
