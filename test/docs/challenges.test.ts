/** That section 9 of PROTOCOL.md says what the code does: its example is of the vectors, and comes out of its keys. */
import assert from 'node:assert/strict';
import { createHash, createHmac, createPrivateKey, createPublicKey, hkdfSync, sign } from 'node:crypto';
import { test } from 'node:test';
import { openMessage, sealMessage } from '../../src/crypto/aead.js';
import { encodeSshSignature, signedData } from '../../src/crypto/sshsignature.js';
import { siteId } from '../../src/methods/challenge/derive.js';
import * as format from '../../src/methods/challenge/format.js';
import { Signers } from '../../src/methods/challenge/judge.js';
import { Challenge } from '../../src/methods/challenge/recognise.js';
import { signatureFlaws, signatureKinds } from '../../src/methods/challenge/site.js';
import { siteLine } from '../../src/methods/challenge/text.js';
import { packetOf } from '../methods/challenge/exchange.js';
import { vectors } from '../methods/challenge/vectors.js';
import { bytes, codeBlocks, exampleFields, read, section } from './protocol.js';

const protocol = read('PROTOCOL.md');
const part = section(protocol, '9.9');
const example = exampleFields(part);
const field = (name: string) => bytes(example[name]);
const hex = (value: Uint8Array) => Buffer.from(value).toString('hex');
const [hello, challenge, response] = [vectors.hellos[0]!, vectors.challenges[0]!, vectors.responses[0]!];
const [text = ''] = codeBlocks(section(protocol, '9.4'), 'text');

const derived = (label: string) =>
  Buffer.from(hkdfSync('sha256', field('site key'), new Uint8Array(0), `portknock/challenge/1 ${label}`, 32));

test('the example of section 9.9 is the first of the vectors', () => {
  assert.equal(hex(field('hello')), hello.payload);
  assert.equal(hex(field('challenge')), challenge.payload);
  assert.equal(hex(field('response')), response.payload);
  assert.equal(hex(field('site key')), vectors.sites.keyed.siteKey);
  assert.equal(hex(field('secret')), vectors.server.secret);
  assert.ok(part.includes(`from ${hello.source}, at ${new Date(hello.at).toISOString()};`));
  assert.equal(response.at - hello.at, 500);
});

test('the example of section 9.9 comes out of its keys', () => {
  for (const name of ['hello', 'challenge', 'response']) {
    assert.equal(hex(derived(name)), example[`${name} key`]);
    const message = field(name);
    const plaintext = openMessage(field(`${name} key`), message);
    const said = Buffer.concat([
      field(`${name} plaintext`),
      name === 'response' ? field('signature') : Buffer.of(),
    ]);
    assert.deepEqual(plaintext, said);
    assert.deepEqual(sealMessage(field(`${name} key`), message.subarray(0, 12), said), message);
  }
  assert.equal(hex(siteId(field('site key'))), example['site id']);
  assert.equal(hex(derived('site').subarray(0, 16)), example['site id']);
  assert.match(text, new RegExp(`^site: key ${example['site id']}$`, 'm'));
});

test('the mac of section 9.2, and the digest of section 9.6', () => {
  const plaintext = field('response plaintext');
  const [expires, nonce] = [plaintext.subarray(2, 10), plaintext.subarray(10, 26)];
  const [source, door] = [plaintext.subarray(42, 58), plaintext.subarray(58, 90)];
  const covered = Buffer.concat([Buffer.from('portknock/challenge/1 mac\0'), door, source, nonce, expires]);
  const mac = createHmac('sha256', field('secret')).update(covered).digest().subarray(0, 16);
  assert.equal(hex(mac), example['mac']);
  assert.deepEqual(plaintext.subarray(26, 42), mac);
  assert.equal(createHash('sha256').update(nonce).update(mac).digest('hex'), example['digest']);
});

test('the signature of the example is that of its key, of the text of section 9.4', async () => {
  const prefix = Buffer.from('302e020100300506032b657004220420', 'hex');
  const key = createPrivateKey({ key: Buffer.concat([prefix, field('key')]), format: 'der', type: 'pkcs8' });
  const raw = createPublicKey(key).export({ type: 'spki', format: 'der' }).subarray(-32);
  assert.ok(hex(field('public key')).endsWith(hex(raw)));
  const made = sign(null, signedData('portknock', 'sha512', Buffer.from(text)), key);
  const signature = Buffer.concat([field('public key').subarray(0, 15), Buffer.from([0, 0, 0, 64]), made]);
  const whole = {
    publicKey: field('public key'),
    namespace: 'portknock',
    hashName: 'sha512',
    signature,
  } as const;
  assert.equal(hex(encodeSshSignature(whole)), example['signature']);
  const ssh = { blob: field('public key'), from: undefined, expiresAt: undefined };
  const keys = [{ ...ssh, touchRequired: true, verifyRequired: false }];
  const signers = new Signers([{ client: 'john', doors: ['ssh'], revoked: false, openpgp: [], ssh: keys }]);
  const claim = serve(response);
  assert.ok(claim?.outcome === 'claim');
  assert.equal(Buffer.from(claim.text).toString(), text);
  const judgement = await signers.judge(claim);
  assert.equal(judgement.client, 'john');
  assert.ok(!('flaw' in judgement));
});

function serve({ payload, at, source }: { payload: string; at: number; source: string }) {
  const site = {
    siteKey: field('site key'),
    siteLine: siteLine(field('site key'), ''),
    skewMs: 1,
    doors: ['ssh'],
  };
  const method = new Challenge(site, field('secret'), 0);
  const random = Buffer.from(hello.random, 'hex');
  return method.recognise(packetOf(Buffer.from(payload, 'hex'), at, source), random, () => false);
}

test('the server of the example answers its hello with its challenge', () => {
  const answer = serve(hello);
  assert.ok(answer?.outcome === 'answer');
  assert.equal(hex(answer.payload), hex(field('challenge')));
});

test('the lengths and the limits of section 9 are the code’s', () => {
  const all = section(protocol, '9');
  const { shortestResponse, longestResponse, shortestSignature, longestSignature } = format;
  assert.ok(
    all.includes(
      `${format.helloLength} bytes are a hello, ${shortestResponse} … ${longestResponse} a response`,
    ),
  );
  assert.ok(
    section(protocol, '9.1').includes(`The plaintext, 100 bytes; the datagram, ${format.helloLength}:`),
  );
  assert.ok(
    section(protocol, '9.2').includes(`The plaintext, 80 bytes; the datagram, ${format.challengeLength}:`),
  );
  assert.ok(
    section(protocol, '9.2').includes(
      `${format.challengeLifeMs.toLocaleString('en')} ms after the hello came`,
    ),
  );
  assert.ok(section(protocol, '9.3').includes(`s = ${shortestSignature} … ${longestSignature}`));
  const names = { openpgp: 'OpenPGP', ssh: 'SSH' };
  const kinds = signatureKinds.map((kind, at) => `${at + 1} is ${names[kind]}`).join(', ');
  assert.ok(section(protocol, '9.3').includes(kinds));
});

test('the flaws of section 9.7 are the code’s, in their order', () => {
  const listed = Array.from(section(protocol, '9.7').matchAll(/^\| `([a-z-]+)` \|/gm), match => match[1]);
  assert.deepEqual(listed, signatureFlaws);
});
