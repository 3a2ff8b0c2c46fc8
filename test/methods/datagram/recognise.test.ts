/** Datagrams heard: the vectors and what was captured, and every word with which one is refused. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { Datagram } from '../../../src/methods/datagram/recognise.js';
import type { Knock } from '../../../src/methods/knock.js';
import { formatAddress } from '../../../src/net/address.js';
import { tcp, udp } from '../../../src/net/packet.js';
import {
  basicConstraints,
  clientAuthentication,
  day,
  keyUsage,
  makeAuthority,
  makeCertificate,
  noon,
  old,
  own,
  p256,
  purposes,
  serverAuthentication,
  usual,
} from '../../crypto/certificates.js';
import {
  authority,
  captured,
  compose,
  currentTime,
  hear,
  issue,
  ofVersion1,
  packetOf,
  readVectors,
  type Sent,
  said,
  siteWith,
} from './hearing.js';

/** Hears each datagram that is right once. */
function remembering(site = siteWith()) {
  const heard = new Set<string>();
  const method = new Datagram(site, digest => heard.has(Buffer.from(digest).toString('hex')));
  return {
    method,
    hear: async (...packet: Parameters<typeof packetOf>) => {
      const verdict = await method.recognise(packetOf(...packet));
      const once = verdict?.outcome === 'knock' ? verdict.once : undefined;
      if (once !== undefined && 'digest' in once) heard.add(Buffer.from(once.digest).toString('hex'));
      return verdict;
    },
  };
}

for (const [version, { site, vectors }, at] of [
  ['1.0.0', ofVersion1, currentTime],
  ['0.0.1', captured, undefined],
] as const) {
  for (const { name, payload, from, time, service } of vectors) {
    test(`${version}, ${name}: accepted at its time and from its address, in a buffer that is overwritten`, async () => {
      const method = new Datagram(site, () => false);
      const around = Buffer.concat([Buffer.alloc(11, 0xaa), payload, Buffer.alloc(11, 0xaa)]);
      const packet = packetOf(around.subarray(11, 11 + payload.length), from, time + 500);
      const pending = method.recognise(packet, at ?? packet.at);
      around.fill(0);
      packet.source.fill(0);
      Object.assign(packet, { at: 0, protocol: tcp, payload: Buffer.alloc(0) });
      const verdict = (await pending) as Knock;
      assert.equal(said(verdict), 'knock');
      assert.deepEqual(verdict.service, service);
      assert.equal(formatAddress(verdict.source), from);
      assert.equal(verdict.at, time + 500);
      assert.equal(verdict.once?.time, time);
      assert.equal(verdict.door, `${service.protocol === tcp ? 'tcp' : 'udp'}/${service.port}`);
    });

    test(`${version}, ${name}: refused later, earlier, from elsewhere, and when it was heard`, async () => {
      const words = async (changes: object, packetAt: number, address = from, isHeard = false) => {
        const method = new Datagram({ ...site, ...changes }, () => isHeard);
        return said(await method.recognise(packetOf(payload, address, packetAt), at ?? packetAt));
      };
      assert.equal(await words({}, time + 7000), 'knock');
      assert.equal(await words({}, time - 7000), 'knock');
      assert.equal(await words({}, time + 7001), 'stale');
      assert.equal(await words({}, time - 7001), 'stale');
      const other = from.includes(':') ? '2001:db8::2' : '192.0.2.99';
      assert.equal(await words({}, time, other), 'wrong-address');
      assert.equal(await words({ allowOtherAddress: true }, time, other), 'knock');
      assert.equal(await words({}, time, from, true), 'replayed');
      assert.equal(
        await words({ authorities: [authority.certificate] }, time),
        'unknown-client other-authority',
      );
      assert.equal(await words({ serverKey: siteWith().serverKey }, time), 'bad-tag unreadable');
    });
  }
}

test('certificates are judged at the time of the packet, unless told otherwise', async () => {
  const [{ payload, from, time }] = ofVersion1.vectors as [(typeof ofVersion1.vectors)[0]];
  const method = new Datagram(ofVersion1.site, () => false);
  assert.equal(said(await method.recognise(packetOf(payload, from, time))), 'expired');
  const old = captured.vectors[0]!;
  const other = new Datagram(captured.site, () => false);
  assert.equal(said(await other.recognise(packetOf(old.payload, old.from, old.time), noon)), 'expired');
});

test('a knock says whose it is, and is heard once', async () => {
  const { hear } = remembering();
  const payload = compose(issue({ subject: 'laptop', serial: Uint8Array.of(0, 0x8f, 3) }));
  const verdict = (await hear(payload)) as Knock;
  const { method, door, client, serial, service, at, once } = verdict;
  assert.deepEqual(
    { method, door, client, serial, service, at },
    {
      method: 'datagram',
      door: 'web',
      client: 'laptop',
      serial: '8f03',
      service: { protocol: tcp, port: 2000 },
      at: noon,
    },
  );
  assert.ok(once !== undefined && 'digest' in once && once.digest.length === 32 && once.time === noon);
  assert.equal(said(await hear(payload)), 'replayed');
});

/** ECDSA: whoever has (r, s) has (r, n − s), which verifies as well. */
test('the same request with another signature is the same', async () => {
  const { hear } = remembering();
  const made = issue();
  assert.equal(said(await hear(compose(made))), 'knock');
  assert.equal(said(await hear(compose(made))), 'replayed');
  assert.equal(said(await hear(compose(made, { time: noon + 1000 }))), 'knock');
});

test('how far behind a stale one is', async () => {
  const method = new Datagram(siteWith(), () => false);
  const verdict = await method.recognise(
    packetOf(compose(issue(), { time: noon - 60_000 }), undefined, noon + 5),
  );
  assert.ok(verdict?.outcome === 'refused');
  assert.deepEqual([verdict.reason, verdict.detail, verdict.door], ['stale', 60_005, 'web']);
  assert.deepEqual([verdict.client, verdict.serial], [undefined, undefined]);
});

const p384 = () => generateKeyPairSync('ec', { namedCurve: 'P-384' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const rsaAuthority = makeAuthority('rsa authority', { keys: rsa });
const ofRsa = makeCertificate({ issuer: rsaAuthority, extensions: [...usual, old('1.2000')] });
const stranger = makeAuthority('authority');
const right = old('1.2000');
const issued = (...extensions: readonly Uint8Array[]) => issue({ extensions });

const heard: readonly (readonly [string, string, Parameters<typeof hear>])[] = [
  ['a right one', 'knock', [siteWith(), issue()]],
  ['over IPv6', 'knock', [siteWith(), issue(), { address: '2001:db8::7' }]],
  ['of an RSA authority', 'knock', [siteWith({ authorities: [rsaAuthority.certificate] }), ofRsa]],
  ['for another server', 'bad-tag unreadable', [siteWith(), issue(), { to: p256().publicKey }]],
  [
    'of another authority',
    'unknown-client other-authority',
    [siteWith({ authorities: [rsaAuthority.certificate] }), issue()],
  ],
  [
    'of another authority of the same name',
    'unknown-client other-authority',
    [siteWith({ authorities: [stranger.certificate] }), issue()],
  ],
  [
    'signed by itself',
    'unknown-client other-authority',
    [siteWith(), makeCertificate({ extensions: [...usual, right] })],
  ],
  ['expired', 'expired', [siteWith(), issue({ until: noon - 1000 })]],
  ['in its last second', 'knock', [siteWith(), issue({ until: noon }), { at: noon + 999 }]],
  ['after its last second', 'expired', [siteWith(), issue({ until: noon }), { at: noon + 1000 }]],
  ['not yet valid', 'expired', [siteWith(), issue({ from: noon + 1000 })]],
  ['in its first second', 'knock', [siteWith(), issue({ from: noon })]],
  ['valid never', 'expired', [siteWith(), issue({ from: noon + day, until: noon - day })]],
  ['without a right', 'not-allowed', [siteWith(), issued(...usual)]],
  ['with another right', 'not-allowed', [siteWith(), issued(...usual, old('1.2001,0.2000'))]],
  [
    'with a right beside one that is not right',
    'not-allowed',
    [siteWith(), issued(...usual, old('1.2000,1.x'))],
  ],
  ['with our own right', 'knock', [siteWith(), issued(...usual, own('tcp/1990-2010'))]],
  ['with our own right, misspelt', 'not-allowed', [siteWith(), issued(...usual, own('tcp/2000', 'tcp/'))]],
  ['with the right to the door', 'knock', [siteWith(), issued(...usual, own('door/web'))]],
  ['with the right to another door', 'not-allowed', [siteWith(), issued(...usual, own('door/mail'))]],
  ['with both forms, one not right', 'knock', [siteWith(), issued(...usual, right, own('tcp/'))]],
  ['for a port of no door', 'unknown-command', [siteWith(), issue(), { port: 2001 }]],
  ['for UDP, where the door has TCP', 'unknown-command', [siteWith(), issue(), { protocol: udp }]],
  [
    'for a port of no door, which may be asked for',
    'knock',
    [siteWith({ anyPort: true }), issued(...usual, old('0.53')), { protocol: udp, port: 53 }],
  ],
  [
    'the same without the right',
    'not-allowed',
    [siteWith({ anyPort: true }), issue(), { protocol: udp, port: 53 }],
  ],
  [
    'for a door that does not take datagrams',
    'not-allowed',
    [siteWith({ anyPort: true, doors: [{ ...siteWith().doors[0]!, isOpen: false }] }), issue()],
  ],
  ['signed with another key', 'bad-tag bad-signature', [siteWith(), { ...issue(), key: p256().privateKey }]],
  [
    'for servers alone',
    'unknown-client wrong-usage',
    [siteWith(), issued(keyUsage(0x80), purposes(serverAuthentication), right)],
  ],
  ['for any purpose', 'knock', [siteWith(), issued(purposes('2.5.29.37.0'), right)]],
  [
    'for two purposes',
    'knock',
    [siteWith(), issued(purposes(serverAuthentication, clientAuthentication), right)],
  ],
  ['without a word on its usage', 'knock', [siteWith(), issued(right)]],
  ['for key agreement alone', 'unknown-client wrong-usage', [siteWith(), issued(keyUsage(0x08), right)]],
  [
    'of an authority itself',
    'unknown-client wrong-usage',
    [siteWith(), issued(basicConstraints(true), right)],
  ],
  ['that says it is no authority', 'knock', [siteWith(), issued(...usual, basicConstraints(false), right)]],
  [
    'with a key of P-384',
    'unknown-client wrong-key',
    [siteWith(), { ...issue({ keys: p384() }), key: p256().privateKey }],
  ],
  [
    'with an RSA key',
    'unknown-client wrong-key',
    [siteWith(), { ...issue({ keys: rsa }), key: p256().privateKey }],
  ],
  [
    'with no certificate',
    'unknown-client malformed-certificate',
    [siteWith(), { ...issue(), certificate: Buffer.alloc(400, 0x30) }],
  ],
  [
    'with more behind its certificate',
    'unknown-client malformed-certificate',
    [siteWith(), { ...issue(), certificate: Buffer.concat([issue().certificate, Uint8Array.of(0)]) }],
  ],
];
for (const [what, word, [site, made, sent]] of heard) {
  test(`${what}: ${word}`, async () => assert.equal(await hear(site, made, sent), word));
}

test('the first that is wrong is told', async () => {
  const elsewhere: Sent = { from: '192.0.2.8' };
  const bad = issue({ until: noon - day, extensions: usual });
  const forged = { ...bad, key: p256().privateKey };
  const site = siteWith();
  assert.equal(await hear(site, forged, { ...elsewhere, time: noon - 60_000 }), 'stale');
  assert.equal(await hear(site, forged, elsewhere), 'wrong-address');
  assert.equal(await hear(site, forged), 'expired');
  assert.equal(await hear(site, { ...issued(...usual), key: p256().privateKey }), 'not-allowed');
  assert.equal(await hear(site, { ...issue(), key: p256().privateKey }, { port: 1 }), 'unknown-command');
});

test('names are made fit for names of clients', async () => {
  const names: readonly (readonly [string, string])[] = [
    ['laptop', 'laptop'],
    ['Alice Example', 'Alice-Example'],
    ['-x\n{"a":1}', 'x---a--1-'],
    ['日本', 'unnamed'],
    ['', 'unnamed'],
    ['x'.repeat(40), 'x'.repeat(32)],
    ['cert:root', 'cert-root'],
  ];
  const method = new Datagram(siteWith(), () => false);
  for (const [subject, client] of names) {
    const verdict = await method.recognise(packetOf(compose(issue({ subject }))));
    assert.equal(verdict?.client, client);
  }
});

test('a refusal tells names as soon as an authority has vouched for them', async () => {
  const method = new Datagram(siteWith(), () => false);
  const verdict = await method.recognise(packetOf(compose(issue({ until: noon - day }))));
  assert.deepEqual([verdict?.client, verdict?.serial], ['laptop', '03']);
  const forged = makeCertificate({ subject: 'laptop', extensions: [...usual, right] });
  const other = await method.recognise(packetOf(compose(forged)));
  assert.deepEqual([other?.client, other?.serial], [undefined, undefined]);
});

test('no datagram: TCP, and another header', async () => {
  const method = new Datagram(siteWith(), () => false);
  const payload = compose(issue());
  assert.equal(await method.recognise({ ...packetOf(payload), protocol: tcp }), undefined);
  assert.equal(
    await method.recognise(packetOf(Buffer.concat([Uint8Array.of(0x62), payload.subarray(1)]))),
    undefined,
  );
});

test('a point that is not on the curve is no exception', async () => {
  const payload = Buffer.from(compose(issue()));
  payload[payload.length - 1]! ^= 1;
  const method = new Datagram(siteWith(), () => false);
  assert.equal(said(await method.recognise(packetOf(payload))), 'bad-tag unreadable');
});

test('another site takes hold at once; what cannot be one changes nothing', async () => {
  const made = issue();
  const method = new Datagram(siteWith(), () => false);
  const word = async () => said(await method.recognise(packetOf(compose(made))));
  assert.equal(await word(), 'knock');
  method.site = siteWith({ authorities: [rsaAuthority.certificate] });
  assert.equal(await word(), 'unknown-client other-authority');
  assert.throws(() => {
    method.site = siteWith({ authorities: [Buffer.from('none')] });
  });
  assert.throws(() => {
    method.site = siteWith({ serverKey: Buffer.from('none') });
  });
  assert.equal(await word(), 'unknown-client other-authority');
  method.site = siteWith();
  assert.equal(await word(), 'knock');
});

test('the vectors of 1.0.0 name tcp and udp', () => {
  const { vectors } = readVectors('sknock-1.0.0.json');
  assert.deepEqual(
    vectors.map(({ service }) => service.protocol),
    [tcp, udp],
  );
});
