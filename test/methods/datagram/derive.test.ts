/** The key schedules, held against the values that the vectors carry and against one written out from HMAC alone. */
import assert from 'node:assert/strict';
import { createECDH, createHmac, createPrivateKey, hkdfSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Agreement, isPoint, scalarOf } from '../../../src/crypto/agreement.js';
import { deriveCipherKey, salt } from '../../../src/methods/datagram/derive.js';
import { decodeEnvelope } from '../../../src/methods/datagram/format.js';

const url = new URL('../../../../test/vectors/sknock-1.0.0.json', import.meta.url);
const file = JSON.parse(readFileSync(url, 'utf8')) as {
  salt_ascii: string;
  server_key_pkcs8_pem: string;
  packets: readonly {
    eph_scalar: number;
    ecdh_z: string;
    aes_key: string;
    iv: string;
    udp_payload: string;
  }[];
};
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

test('the salt is the text of 206 digits', () => {
  assert.equal(Buffer.from(salt).toString('latin1'), file.salt_ascii);
  assert.equal(salt.length, 206);
});

for (const { eph_scalar, ecdh_z, aes_key, iv, udp_payload } of file.packets) {
  test(`1.0.0 with the ephemeral key ${eph_scalar}: secret, key and first block`, () => {
    const { point } = decodeEnvelope(Buffer.from(udp_payload, 'hex'))!;
    assert.ok(isPoint(point));
    const client = createECDH('prime256v1');
    client.setPrivateKey(Buffer.from(eph_scalar.toString(16).padStart(64, '0'), 'hex'));
    assert.deepEqual(client.getPublicKey(), Buffer.from(point));
    const server = new Agreement(scalarOf(createPrivateKey(file.server_key_pkcs8_pem)));
    assert.equal(hex(server.secretWith(point)), ecdh_z);
    const derived = deriveCipherKey('1.0.0', Buffer.from(ecdh_z, 'hex'));
    assert.deepEqual([hex(derived.key), hex(derived.iv)], [aes_key, iv]);
    const slow = hkdfSync('sha256', Buffer.from(ecdh_z, 'hex'), salt, 'iv0AES128CBC', 16);
    assert.equal(hex(new Uint8Array(slow)), iv);
  });
}

test('0.0.1: the first step with SHA-256, the second with SHA-512, no first block', () => {
  const secret = Buffer.from(file.packets[0]!.ecdh_z, 'hex');
  const digits = Buffer.from(file.salt_ascii, 'latin1');
  const extracted = createHmac('sha256', digits).update(secret).digest();
  const block = createHmac('sha512', extracted).update(Buffer.from('knock\u0001', 'latin1')).digest('hex');
  const derived = deriveCipherKey('0.0.1', secret);
  assert.deepEqual([hex(derived.key), hex(derived.iv)], [block.slice(0, 32), '00'.repeat(16)]);
});
