/** The bytes of a datagram: the vectors taken apart, and every field that is not right. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decodeEnvelope,
  decodePlaintext,
  encodeAddress,
  encodeEnvelope,
  encodeRequest,
  encodeSignatureBlock,
  headers,
  isCandidate,
  longestDatagram,
  pointPrefix,
  shortestDatagram,
} from '../../../src/methods/datagram/format.js';
import { parseAddress } from '../../../src/net/address.js';
import { tcp, udp } from '../../../src/net/packet.js';
import { captured, ofVersion1 } from './hearing.js';

const url = new URL('../../../../test/vectors/sknock-1.0.0.json', import.meta.url);
const { packets, client_cert_der } = JSON.parse(readFileSync(url, 'utf8')) as {
  packets: readonly Record<'ip' | 'request' | 'sig_der' | 'plaintext', string>[] &
    readonly Record<'proto' | 'port' | 'timestamp', number>[];
  client_cert_der: string;
};
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytes = (text: string) => Buffer.from(text, 'hex');

for (const { ip, request, sig_der, plaintext, proto, port, timestamp } of packets) {
  test(`the plaintext of the vector from ${ip}`, () => {
    const decoded = decodePlaintext(bytes(plaintext))!;
    const service = { protocol: proto === 1 ? tcp : udp, port };
    assert.deepEqual(decoded.request.service, service);
    assert.equal(decoded.request.time, timestamp);
    assert.deepEqual(encodeAddress(parseAddress(ip)!), Uint8Array.from(decoded.request.address));
    assert.equal(hex(decoded.signature), sig_der);
    assert.equal(hex(decoded.certificate), client_cert_der);
    assert.equal(hex(decoded.signed), request + client_cert_der);
    assert.equal(hex(encodeRequest(service, parseAddress(ip)!, timestamp)), request);
    assert.equal(request + client_cert_der + hex(encodeSignatureBlock(decoded.signature)), plaintext);
  });
}

test('the parts of the vectors, out of a larger buffer', () => {
  for (const { vectors } of [ofVersion1, captured]) {
    for (const { payload } of vectors) {
      const around = Buffer.concat([Buffer.alloc(5, 1), payload, Buffer.alloc(5, 1)]);
      const { ciphertext, point, version } = decodeEnvelope(around.subarray(5, 5 + payload.length))!;
      assert.equal(hex(payload.subarray(4, 4 + ciphertext.length)), hex(ciphertext));
      assert.equal(hex(payload.subarray(-65)), hex(point));
      if (version === '1.0.0') assert.equal(hex(encodeEnvelope(ciphertext, point)), hex(payload));
      else assert.equal(payload.subarray(-91, -65).equals(pointPrefix), true);
    }
  }
});

test('no truncated datagram has the shape but those whose end looks like a point', () => {
  for (const { payload } of [ofVersion1.vectors[0]!, captured.vectors[0]!]) {
    assert.ok(isCandidate(payload));
    for (let length = 0; length < payload.length; length++) {
      const isChance = length >= shortestDatagram && length % 16 === 5 && payload[length - 65] === 4;
      assert.equal(isCandidate(payload.subarray(0, length)), isChance && payload[1] === 1, `${length}`);
    }
  }
});

/** Of the right shape, and as long as asked. */
function shaped(length: number, version: '1.0.0' | '0.0.1' = '1.0.0'): Buffer {
  const payload = Buffer.alloc(length);
  payload.writeUInt32BE(headers[version]);
  payload[length - 65] = 4;
  if (version === '0.0.1') payload.set(pointPrefix, length - 91);
  return payload;
}

test('lengths: whole blocks, from the shortest to the longest', () => {
  const taken = (version: '1.0.0' | '0.0.1') =>
    Array.from({ length: 4200 }, (_, length) => length).filter(
      length => length >= 95 && isCandidate(shaped(length, version)),
    );
  const [first] = taken('1.0.0');
  assert.equal(first, shortestDatagram);
  assert.equal(taken('1.0.0').at(-1), 4085);
  assert.ok(taken('1.0.0').every(length => (length - 69) % 16 === 0));
  assert.ok(taken('0.0.1').every(length => (length - 95) % 16 === 0 && length >= shortestDatagram));
  assert.ok(taken('0.0.1').at(-1)! <= longestDatagram);
});

test('the header and what 0.0.1 has before the point are exact, bit by bit', () => {
  const places = {
    '1.0.0': [0, 1, 2, 3, 629 - 65],
    '0.0.1': [0, 1, 2, 3, ...Array.from({ length: 27 }, (_, i) => 655 - 91 + i)],
  };
  for (const [version, length] of [
    ['1.0.0', 629],
    ['0.0.1', 655],
  ] as const) {
    const payload = shaped(length, version);
    assert.ok(isCandidate(payload));
    for (const at of places[version]) {
      for (let bit = 0; bit < 8; bit++) {
        payload[at]! ^= 1 << bit;
        assert.ok(!isCandidate(payload), `${version} ${at} ${bit}`);
        payload[at]! ^= 1 << bit;
      }
    }
  }
});

const whole = bytes(packets[0]!.plaintext);
const blockAt = whole.length - 73;
const changes: readonly (readonly [string, number, readonly number[], boolean])[] = [
  ['its first byte is not zero', 0, [1], false],
  ['protocol 2', 1, [2], false],
  ['protocol 0', 1, [0], true],
  ['port 0', 2, [0, 0], false],
  ['port 65535', 2, [255, 255], true],
  ['a signature of 7 bytes', blockAt, [7], false],
  ['a signature of 73 bytes', blockAt, [73], false],
  ['a signature of 255 bytes', blockAt, [255], false],
  ['zeros that are none', blockAt + 1, [1], false],
  ['another time', 20, [0, 0, 0, 0], true],
];
for (const [what, at, change, isGood] of changes) {
  test(`a plaintext with ${what}`, () => {
    const changed = Buffer.from(whole);
    changed.set(change, at);
    // Where the signature is said to be shorter, what was of it must be zero.
    assert.equal(decodePlaintext(changed) !== undefined, isGood);
  });
}

test('signatures of 8 and of 72 bytes', () => {
  for (const length of [8, 72]) {
    const signature = Buffer.alloc(length, 0x55);
    const made = Buffer.concat([whole.subarray(0, blockAt), encodeSignatureBlock(signature)]);
    assert.deepEqual(Buffer.from(decodePlaintext(made)!.signature), signature);
  }
  assert.throws(() => encodeSignatureBlock(Buffer.alloc(73)), RangeError);
});

test('a signature of 7 bytes is none, zeros before it or not', () => {
  const block = Buffer.alloc(73);
  block[0] = 7;
  block.fill(0x55, 66);
  assert.equal(decodePlaintext(Buffer.concat([whole.subarray(0, blockAt), block])), undefined);
  block[0] = 8;
  assert.ok(decodePlaintext(Buffer.concat([whole.subarray(0, blockAt), block])));
});

test('a plaintext has room for a certificate, or is none', () => {
  const [request, block] = [whole.subarray(0, 24), whole.subarray(blockAt)];
  assert.equal(decodePlaintext(Buffer.concat([request, block])), undefined);
  assert.ok(decodePlaintext(Buffer.concat([request, Uint8Array.of(1), block])));
  for (let length = 0; length < 97; length++) assert.equal(decodePlaintext(Buffer.alloc(length)), undefined);
  assert.equal(decodePlaintext(whole.subarray(whole.length - 97)), undefined);
});

test('any bytes: no exception, and no plaintext that reaches beyond itself', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), payload => {
      decodePlaintext(payload);
      return !isCandidate(payload.subarray(0, 200));
    }),
  );
});
