/** That section 8 of PROTOCOL.md says what the code does: its example is a vector and is taken, its limits are the code's. */
import assert from 'node:assert/strict';
import { createHash, createPrivateKey, hkdfSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Agreement, scalarOf } from '../../src/crypto/agreement.js';
import { decryptCbc } from '../../src/crypto/cbc.js';
import { extract } from '../../src/crypto/derive.js';
import { deriveCipherKey, salt } from '../../src/methods/datagram/derive.js';
import {
  decodePlaintext,
  headers,
  longestDatagram,
  pointPrefix,
  shortestDatagram,
} from '../../src/methods/datagram/format.js';
import { Datagram } from '../../src/methods/datagram/recognise.js';
import * as rights from '../../src/methods/datagram/rights.js';
import type { Knock } from '../../src/methods/knock.js';
import { formatAddress } from '../../src/net/address.js';
import { otherName, utf8 } from '../crypto/certificates.js';
import { ofVersion1, packetOf } from '../methods/datagram/hearing.js';
import { bytes, exampleFields, read, section } from './protocol.js';

const text = read('PROTOCOL.md');
const url = new URL('../../../test/vectors/sknock-1.0.0.json', import.meta.url);
const file = JSON.parse(readFileSync(url, 'utf8')) as {
  server_key_pkcs8_pem: string;
  client_cert_der: string;
  packets: readonly Record<string, string | number>[];
};
const vector = file.packets[0]!;
const part = section(text, '8.7');
const example = exampleFields(part);
const hex = (value: Uint8Array) => Buffer.from(value).toString('hex');
const joined = (...fields: readonly string[]) => fields.map(field => hex(bytes(example[field]))).join('');

test('the example of section 8.7 is the vector that it names', () => {
  const { ip, timestamp, udp_payload, plaintext, ecdh_z, aes_key, iv } = vector;
  const at = new Date(Number(timestamp) * 1000).toISOString().replace('.000', '');
  assert.ok(part.includes(`for tcp/2000, from ${ip}, at ${at}, its certificate judged at 2026-11-21.`));
  assert.equal(joined('header', 'ciphertext', 'point'), udp_payload);
  assert.equal(joined('request', 'certificate', 'signature'), plaintext);
  assert.deepEqual([example['Z'], example['key'], example['iv']], [ecdh_z, aes_key, iv]);
  assert.equal(example['certificate'], file.client_cert_der);
  assert.equal(BigInt(`0x${example['ephemeral']}`), BigInt(vector['eph_scalar']!));
  assert.equal(hex(scalarOf(createPrivateKey(file.server_key_pkcs8_pem))), example['server key']);
});

test('the example of section 8.7 comes out of its keys', () => {
  const client = new Agreement(bytes(example['ephemeral']));
  const server = new Agreement(bytes(example['server key']));
  assert.equal(hex(client.point), example['point']);
  assert.equal(hex(client.secretWith(server.point)), example['Z']);
  assert.equal(hex(extract(salt, bytes(example['Z']))), example['PRK']);
  const { key, iv } = deriveCipherKey('1.0.0', bytes(example['Z']));
  assert.deepEqual([hex(key), hex(iv)], [example['key'], example['iv']]);
  assert.equal(
    hex(new Uint8Array(hkdfSync('sha256', bytes(example['Z']), salt, 'knock', 16))),
    example['key'],
  );
  const opened = decryptCbc(key, iv, bytes(example['ciphertext']))!;
  assert.equal(hex(opened), joined('request', 'certificate', 'signature'));
  const { request, signature } = decodePlaintext(opened)!;
  assert.deepEqual(request.service, { protocol: 6, port: 2000 });
  assert.ok(example['signature']!.endsWith(` ${hex(signature)}`));
});

test('the example of section 8.7 is taken', async () => {
  const method = new Datagram(ofVersion1.site, () => false);
  const payload = bytes(`${example['header']}${example['ciphertext']}${example['point']}`);
  const packet = packetOf(payload, String(vector['ip']), Number(vector['timestamp']) * 1000);
  const verdict = (await method.recognise(packet, Date.UTC(2026, 10, 21))) as Knock;
  assert.equal(verdict.outcome, 'knock');
  assert.equal(formatAddress(verdict.source), vector['ip']);
  const digest = createHash('sha256')
    .update(bytes(joined('request', 'certificate')))
    .digest();
  assert.deepEqual(verdict.once, { digest, time: Number(vector['timestamp']) * 1000 });
});

test('section 8.1 says the salt, the headers, the prefix and the limits of the code', () => {
  const said = section(text, '8.1');
  const words = Buffer.from(Buffer.from(salt).toString('latin1'), 'hex').toString('latin1');
  assert.ok(
    said.includes(
      words
        .split('\n')
        .map(line => `\`${line}\``)
        .join(', `0a`, '),
    ),
  );
  assert.ok(said.includes(`salt = ${salt.length} bytes`));
  for (const header of Object.values(headers)) assert.ok(said.includes(`\`${header.toString(16)}\``));
  assert.ok(said.includes(`\`${hex(pointPrefix)}\``));
  assert.ok(said.includes(`${shortestDatagram} … ${longestDatagram} bytes`));
  assert.ok(section(text, '8.6').includes(`${shortestDatagram} bytes of payload`));
});

test('section 8.5 says the identifiers, and its examples are rights', () => {
  const said = section(text, '8.5');
  assert.ok(
    said.includes(`\`${rights.otherNameId}\`, whose`) && said.includes(`\`${rights.rightsId}\`, not`),
  );
  const uuid = /UUID, ([0-9a-f-]{36})/.exec(said)![1]!;
  assert.equal(rights.rightsId, `2.25.${BigInt(`0x${uuid.replaceAll('-', '')}`)}`);
  const fields = exampleFields(said);
  assert.equal(joinedBytes(fields['otherName']), hex(otherName(utf8('1.2000'))));
  const decoded = rights.decodeRights(bytes(fields['extension']))!;
  assert.deepEqual(decoded.map(rights.formatRight), ['tcp/8000-8100', 'door/ssh']);
});

const joinedBytes = (field: string | undefined) => hex(bytes(field));
