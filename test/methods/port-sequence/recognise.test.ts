/** Which sequences are knocks: the vectors, and far more that are not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Verdict } from '../../../src/methods/knock.js';
import type { SealedClient, Site } from '../../../src/methods/port-sequence/recognise.js';
import { blockCipher, seal, tagKey, zeroAddress } from '../../../src/methods/port-sequence/sealed.js';
import { spell } from '../../../src/methods/port-sequence/spelling.js';
import { newPacket, tcp, udp } from '../../../src/net/packet.js';
import { Ear, knocks, words } from './hearing.js';
import {
  addressOf,
  classicClient,
  classicSite,
  classicVectors,
  hex,
  type SealedVector,
  sealedClient,
  sealedSite,
  sealedVectors,
  sourceOf,
} from './vectors.js';

const stranger = Uint8Array.from([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xba, 0xd0]);

function said(vector: SealedVector, site: Site, at = vector.time_ms, source = sourceOf(vector)): Verdict[] {
  return new Ear(site).hearAll(vector.ordered, source, at);
}

function changedClient(vector: SealedVector, changes: Partial<SealedClient>): Partial<Site> {
  return { clients: new Map([[vector.client, sealedClient(vector, changes)]]) };
}

for (const vector of sealedVectors) {
  const { name, time_ms: time, client } = vector;

  test(`${name}: a knock, with everything that admission needs`, () => {
    const verdicts = said(vector, sealedSite(vector), time + 5);
    assert.deepEqual(verdicts, [
      {
        outcome: 'knock',
        method: 'port-sequence',
        door: 'ssh',
        client: 'laptop',
        source: sourceOf(vector),
        at: time + 5,
        once: { clientId: client, time },
      },
    ]);
  });

  test(`${name}: none of its 15 beginnings and ends is a knock`, () => {
    for (let length = 1; length < 16; length++) {
      assert.deepEqual(
        new Ear(sealedSite(vector)).hearAll(vector.ordered.slice(0, length), stranger, time),
        [],
      );
      assert.deepEqual(
        new Ear(sealedSite(vector)).hearAll(vector.ordered.slice(-length), stranger, time),
        [],
      );
    }
  });

  test(`${name}: with any one SYN left out, and another in its place, it is no knock`, () => {
    for (let left = 0; left < 16; left++) {
      const ports = [...vector.ordered.filter((_, index) => index !== left), vector.base_port];
      assert.deepEqual(knocks(new Ear(sealedSite(vector)).hearAll(ports, sourceOf(vector), time)), []);
    }
  });

  test(`${name}: with any two neighbours exchanged it is no knock`, () => {
    for (let at = 0; at < 15; at++) {
      const ports = [...vector.ordered];
      if (ports[at] === ports[at + 1]) continue;
      ports.splice(at, 2, ports[at + 1]!, ports[at]!);
      assert.deepEqual(knocks(new Ear(sealedSite(vector)).hearAll(ports, sourceOf(vector), time)), []);
    }
  });

  test(`${name}: with any of its 128 bits changed it is no knock`, () => {
    for (let bit = 0; bit < 128; bit++) {
      const block = hex(vector.block);
      block[bit >> 3]! ^= 1 << (bit & 7);
      const ports = spell('ordered', block, vector.base_port);
      const verdicts = new Ear(sealedSite(vector)).hearAll(ports, sourceOf(vector), time);
      assert.deepEqual(knocks(verdicts), [], `bit ${bit}`);
    }
  });

  test(`${name}: who holds the site key alone cannot change any bit of the plaintext`, () => {
    const cipher = blockCipher(hex(vector.site_key));
    // Everybody and every door exists and every time is fresh, so that only the tag is left to refuse.
    const everybody = { get: () => sealedClient(vector), size: 1 } as unknown as Site['clients'];
    const everyDoor = { get: () => 'ssh', size: 1 } as unknown as Site['doors'];
    const site = sealedSite(vector, { clients: everybody, doors: everyDoor, skewMs: 2 ** 41 });
    assert.deepEqual(words(said(vector, site)), ['knock']);
    for (let bit = 0; bit < 128; bit++) {
      const plaintext = Uint8Array.from(cipher.decrypt(hex(vector.block)));
      plaintext[bit >> 3]! ^= 0x80 >> (bit & 7);
      const ports = spell('ordered', cipher.encrypt(plaintext), vector.base_port);
      const verdicts = new Ear(site).hearAll(ports, sourceOf(vector), time);
      assert.deepEqual(words(verdicts), ['bad-tag'], `bit ${bit}`);
    }
  });

  test(`${name}: said again it is replayed, from its source and from another`, () => {
    const ear = new Ear(sealedSite(vector));
    assert.deepEqual(words(ear.hearAll(vector.ordered, sourceOf(vector), time)), ['knock']);
    for (const source of [sourceOf(vector), stranger]) {
      const [refusal] = ear.hearAll(vector.ordered, source, time + 1);
      assert.equal(refusal?.outcome === 'refused' && refusal.reason, 'replayed');
      assert.deepEqual(refusal?.source, source);
    }
  });

  test(`${name}: refused unless it is later than the last one accepted`, () => {
    for (const [last, word] of [
      [time - 1, 'knock'],
      [time, 'replayed'],
      [time + 1, 'replayed'],
    ] as const) {
      const ear = new Ear(sealedSite(vector));
      ear.lastAccepted.set(client, last);
      assert.deepEqual(words(ear.hearAll(vector.ordered, sourceOf(vector), time)), [word]);
    }
  });

  test(`${name}: fresh to the millisecond, on both sides`, () => {
    for (const [behindMs, word] of [
      [60_000, 'knock'],
      [-60_000, 'knock'],
      [60_001, 'stale'],
      [-60_001, 'stale'],
      [2 ** 39, 'stale'],
    ] as const) {
      const [verdict] = said(vector, sealedSite(vector), time + behindMs);
      assert.deepEqual(words([verdict]), [word], `${behindMs} ms behind`);
      if (verdict?.outcome === 'refused') assert.equal(verdict.detail, behindMs);
    }
  });

  const refusals: readonly [string, string | undefined, Partial<Site>][] = [
    ['the client is not known', 'unknown-client', { clients: new Map() }],
    ['the command is not known', 'unknown-command', { doors: new Map() }],
    ['the door is not for this client', 'not-allowed', changedClient(vector, { doors: new Set(['web']) })],
    ['the client is revoked', 'revoked', changedClient(vector, { revoked: true })],
    ['the client has another key', 'bad-tag', changedClient(vector, { tagKey: tagKey(new Uint8Array(32)) })],
    ['the site has another key', undefined, { cipher: blockCipher(new Uint8Array(32)) }],
    ['no sealed client knocks here', undefined, { cipher: undefined }],
  ];
  for (const [why, word, changes] of refusals) {
    test(`${name}: refused where ${why}`, () => {
      assert.deepEqual(words(said(vector, sealedSite(vector, changes))), word === undefined ? [] : [word]);
    });
  }

  test(`${name}: refused under the base ports beside its own`, () => {
    for (const shift of [-1, 1]) {
      const basePort = vector.base_port + shift;
      if (basePort < 1) continue;
      const ports = spell('ordered', hex(vector.block), Math.min(basePort, 65_280));
      const verdicts = new Ear(sealedSite(vector, { basePort })).hearAll(ports, sourceOf(vector), time);
      assert.deepEqual(words(verdicts), ['bad-tag'], `base port ${basePort}`);
    }
  });

  test(`${name}: its address binds it`, () => {
    const binds = vector.address !== null;
    for (const addressRequired of [true, false]) {
      const site = sealedSite(vector, changedClient(vector, { addressRequired }));
      const own = binds || !addressRequired ? 'knock' : 'wrong-address';
      assert.deepEqual(words(said(vector, site)), [own], `its own, required ${addressRequired}`);
      const other = binds ? 'bad-tag' : own;
      assert.deepEqual(
        words(said(vector, site, time, stranger)),
        [other],
        `another, required ${addressRequired}`,
      );
    }
  });
}

for (const vector of classicVectors) {
  const { name, ports, base_port: basePort } = vector;
  const hear = (changes: Partial<Site> = {}) =>
    words(new Ear(classicSite(vector, changes)).hearAll(ports, stranger, 1000));

  test(`${name}: a knock, as often as it is said`, () => {
    const ear = new Ear(classicSite(vector));
    const verdicts = [...ear.hearAll(ports, stranger, 1000), ...ear.hearAll(ports, stranger, 2000)];
    assert.deepEqual(words(verdicts), ['knock', 'knock']);
    assert.deepEqual(
      knocks(verdicts).map(({ client, door, once, at }) => [client, door, once, at]),
      [
        ['old-laptop', 'ssh', undefined, 1000],
        ['old-laptop', 'ssh', undefined, 2000],
      ],
    );
  });

  test(`${name}: refused, or nothing at all`, () => {
    assert.deepEqual(hear({ doors: new Map() }), ['unknown-command']);
    assert.deepEqual(hear({ classicClients: [classicClient(vector, { doors: new Set() })] }), [
      'not-allowed',
    ]);
    assert.deepEqual(hear({ classicClients: [classicClient(vector, { revoked: true })] }), ['revoked']);
    assert.deepEqual(hear({ classicClients: [] }), []);
    const other = classicClient({ ...vector, passphrase: `${vector.passphrase} ` });
    assert.deepEqual(hear({ classicClients: [other] }), []);
    assert.deepEqual(hear({ classicClients: [other, classicClient(vector)] }), ['knock']);
  });

  test(`${name}: with any of its 128 bits changed, or a SYN missing, it is nothing`, () => {
    for (let bit = 0; bit < 128; bit++) {
      const block = hex(vector.block);
      block[bit >> 3]! ^= 1 << (bit & 7);
      const verdicts = new Ear(classicSite(vector)).hearAll(
        spell('ordered', block, basePort),
        stranger,
        1000,
      );
      assert.deepEqual(verdicts, [], `bit ${bit}`);
    }
    for (let left = 0; left < 16; left++) {
      const rest = ports.filter((_, index) => index !== left);
      assert.deepEqual(new Ear(classicSite(vector)).hearAll(rest, stranger, 1000), [], `SYN ${left}`);
    }
  });
}

test('a sealed and a classic client knock at one site', () => {
  const [sealed] = sealedVectors;
  const classic = { ...classicVectors[0]!, base_port: sealed!.base_port };
  const site = sealedSite(sealed!, {
    classicClients: [classicClient(classic)],
    doors: new Map([
      [sealed!.command, 'ssh'],
      [classic.command, 'ssh'],
    ]),
  });
  const ear = new Ear(site);
  const classicPorts = spell('ordered', hex(classic.block), site.basePort);
  const verdicts = [
    ...ear.hearAll(classicPorts, stranger, sealed!.time_ms),
    ...ear.hearAll(sealed!.ordered, stranger, sealed!.time_ms),
  ];
  assert.deepEqual(
    knocks(verdicts).map(({ client }) => client),
    ['old-laptop', 'laptop'],
  );
});

test('a source of zeros does not stand for the address that a client must bind', () => {
  const vector = sealedVectors.find(each => each.address === null)!;
  const site = sealedSite(vector, changedClient(vector, { addressRequired: true }));
  assert.deepEqual(knocks(said(vector, site, vector.time_ms, zeroAddress)), []);
});

test('only SYNs of TCP are heard', () => {
  const vector = sealedVectors[0]!;
  for (const [protocol, flags] of [
    [udp, 0x02],
    [1, 0x02],
    [tcp, 0x00],
    [tcp, 0x12],
    [tcp, 0x03],
    [tcp, 0x06],
    [tcp, 0x10],
  ] as const) {
    const { recogniser } = new Ear(sealedSite(vector));
    for (const port of vector.ordered) {
      const packet = { ...newPacket(), source: sourceOf(vector), at: vector.time_ms, protocol, flags, port };
      assert.equal(recogniser.recognise(packet), undefined);
    }
    assert.equal(recogniser.sources, 0, `protocol ${protocol}, flags ${flags}`);
  }
});

test('what a client composes, the daemon recognises', () => {
  const vector = sealedVectors[3]!;
  const cipher = blockCipher(hex(vector.site_key));
  const ear = new Ear(sealedSite(vector));
  for (let knock = 0; knock < 100; knock++) {
    const time = vector.time_ms + knock;
    const statement = {
      clientId: vector.client,
      commandId: vector.command,
      time,
      basePort: vector.base_port,
    };
    const block = seal(cipher, sealedClient(vector).tagKey, { ...statement, address: addressOf(vector) });
    const verdicts = ear.hearAll(spell('ordered', block, vector.base_port), sourceOf(vector), vector.time_ms);
    assert.deepEqual(words(verdicts), ['knock'], `knock ${knock}`);
  }
});
