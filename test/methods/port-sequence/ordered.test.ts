/** In which order and among what company a knock may arrive. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OrderedSequences } from '../../../src/methods/port-sequence/ordered.js';
import { blockCipher, seal } from '../../../src/methods/port-sequence/sealed.js';
import { spell } from '../../../src/methods/port-sequence/spelling.js';
import { newPacket } from '../../../src/net/packet.js';
import { Ear, words } from './hearing.js';
import {
  addressOf,
  hex,
  type SealedVector,
  sealedClient,
  sealedSite,
  sealedVectors,
  sourceOf,
} from './vectors.js';

const vector = sealedVectors[0]!;
const at = vector.time_ms;
const source = sourceOf(vector);

function laterPorts(of: SealedVector, laterMs: number): number[] {
  const statement = { clientId: of.client, commandId: of.command, basePort: of.base_port };
  const time = of.time_ms + laterMs;
  const cipher = blockCipher(hex(of.site_key));
  const block = seal(cipher, sealedClient(of).tagKey, { ...statement, time, address: addressOf(of) });
  return spell('ordered', block, of.base_port);
}

test('stray SYNs before, of any number up to two blocks', () => {
  for (let stray = 0; stray <= 32; stray++) {
    const before = Array.from({ length: stray }, (_, index) => vector.base_port + ((index * 37) % 256));
    const ear = new Ear(sealedSite(vector));
    assert.deepEqual(words(ear.hearAll([...before, ...vector.ordered], source, at)), ['knock'], `${stray}`);
  }
});

test('a stray SYN in the midst spoils it, and the next knock is good', () => {
  for (let place = 1; place < 16; place++) {
    const ear = new Ear(sealedSite(vector));
    const spoiled = vector.ordered.toSpliced(place, 0, vector.base_port + 255);
    assert.deepEqual(words(ear.hearAll(spoiled, source, at)), [], `place ${place}`);
    assert.deepEqual(words(ear.hearAll(laterPorts(vector, 1), source, at)), ['knock'], `place ${place}`);
  }
});

test('SYNs outside the window do not count', () => {
  const ear = new Ear(sealedSite(vector));
  const ports = vector.ordered.flatMap(port => [22, port, vector.base_port - 1, vector.base_port + 256]);
  assert.deepEqual(words(ear.hearAll(ports, source, at)), ['knock']);
});

test('exact retransmissions count once, wherever they arrive', () => {
  const times = fc.array(fc.integer({ min: 0, max: 15 }), { maxLength: 40 });
  fc.assert(
    fc.property(times, again => {
      const ear = new Ear(sealedSite(vector));
      const verdicts = vector.ordered.flatMap((_, sent) =>
        [sent, ...again.filter(each => each < sent)].map(index =>
          ear.hear({ port: vector.ordered[index]!, source, at, sourcePort: 50_000 + index, sequence: index }),
        ),
      );
      const said = verdicts.filter(verdict => verdict !== undefined);
      // What is repeated after the knock is complete begins a new one, and is never one.
      assert.deepEqual(words(said), ['knock']);
    }),
  );
});

test('the same port from another source port, or with another sequence number, counts again', () => {
  for (const changed of [{ sourcePort: 50_001 }, { sequence: 1 }]) {
    const ear = new Ear(sealedSite(vector));
    ear.hearAll(vector.ordered.slice(0, 7), source, at);
    const syn = { port: vector.ordered[7]!, source, at, sourcePort: 50_000, sequence: 0 };
    ear.hear(syn);
    ear.hear({ ...syn, ...changed });
    assert.deepEqual(words(ear.hearAll(vector.ordered.slice(8), source, at)), []);
    assert.equal(ear.recogniser.noise, 2);
  }
});

test('lines without source port: the sixteenth completes the knock', () => {
  for (const each of sealedVectors) {
    const ear = new Ear(sealedSite(each));
    const lines = each.ordered.map(port =>
      ear.hear({ port, source: sourceOf(each), at: each.time_ms, sourcePort: -1, sequence: 0 }),
    );
    assert.deepEqual(words(lines), [...Array(15).fill('nothing'), 'knock'], each.name);
  }
});

test('a block with the same byte twice in a row is heard, from lines and from packets', () => {
  let laterMs = 0;
  let ports = laterPorts(vector, laterMs);
  while (!ports.some((port, index) => port === ports[index + 1])) ports = laterPorts(vector, ++laterMs);
  for (const sourcePort of [-1, undefined]) {
    const ear = new Ear(sealedSite(vector));
    const syn = sourcePort === undefined ? {} : { sourcePort, sequence: 0 };
    const verdicts = ports.map(port => ear.hear({ port, source, at, ...syn }));
    assert.deepEqual(words(verdicts.slice(15)), ['knock']);
  }
});

test('knocks back to back, each is heard', () => {
  const ear = new Ear(sealedSite(vector));
  const ports = Array.from({ length: 50 }, (_, knock) => laterPorts(vector, knock)).flat();
  assert.deepEqual(words(ear.hearAll(ports, source, at)), Array(50).fill('knock'));
  assert.equal(ear.recogniser.noise, 0, 'what has been spent is not looked into again');
});

test('sources that knock at the same time do not disturb each other', () => {
  const sources = Array.from({ length: 64 }, (_, index) => Uint8Array.from(source).fill(index, 15));
  const ear = new Ear(sealedSite(vector), 1024);
  const composed = sources.map((_, index) => laterPorts(vector, index));
  const verdicts = vector.ordered.flatMap((_, sent) =>
    sources.map((each, index) => ear.hear({ port: composed[index]![sent]!, source: each, at })),
  );
  assert.deepEqual(words(verdicts.filter(verdict => verdict !== undefined)), Array(64).fill('knock'));
});

const others = Array.from({ length: 8 }, (_, last) => Uint8Array.from(source).fill(0xb0 + last, 15));

test('a source that the table has given up begins anew; memory stays bounded', () => {
  const ear = new Ear(sealedSite(vector), 8);
  ear.hearAll(vector.ordered.slice(0, 15), source, at);
  for (const other of others) ear.hear({ port: vector.base_port, source: other, at });
  assert.deepEqual(words(ear.hearAll(vector.ordered.slice(15), source, at)), []);
  assert.equal(ear.recogniser.sources, 8);
});

test('a source inherits nothing from the one whose place it takes', () => {
  const ear = new Ear(sealedSite(vector), 8);
  ear.hearAll(vector.ordered.slice(0, 15), source, at);
  const heirs = others.flatMap(other => ear.hearAll(vector.ordered.slice(15), other, at));
  assert.deepEqual(heirs, []);
  assert.equal(ear.recogniser.noise, 0);
});

test('a half-heard knock survives a change of the configuration, which counts at once', () => {
  const ear = new Ear(sealedSite(vector, { clients: new Map() }));
  ear.hearAll(vector.ordered.slice(0, 8), source, at);
  ear.recogniser.site = sealedSite(vector);
  assert.deepEqual(words(ear.hearAll(vector.ordered.slice(8), source, at)), ['knock']);
  ear.hearAll(laterPorts(vector, 1).slice(0, 15), source, at);
  const revoked = new Map([[vector.client, sealedClient(vector, { revoked: true })]]);
  ear.recogniser.site = sealedSite(vector, { clients: revoked });
  assert.deepEqual(words(ear.hearAll(laterPorts(vector, 1).slice(15), source, at)), ['revoked']);
});

/** The same promise, kept slowly: a list of all that a source has sent. */
class SlowSequences {
  readonly #sent = new Map<number, { readonly offset: number; readonly name: string }[]>();
  #last = 0;

  add(source: number, sourcePort: number, sequence: number, offset: number): number[] | undefined {
    this.#last = source;
    const sent = this.#sent.get(source) ?? [];
    this.#sent.set(source, sent);
    const name = `${sourcePort} ${sequence} ${offset}`;
    if (sourcePort >= 0 && sent.slice(-16).some(each => each.name === name)) return undefined;
    sent.push({ offset, name });
    return sent.length < 16 ? undefined : sent.slice(-16).map(each => each.offset);
  }

  clear(): void {
    this.#sent.delete(this.#last);
  }
}

const sent = fc.record({
  source: fc.integer({ min: 0, max: 2 }),
  sourcePort: fc.integer({ min: -1, max: 1 }),
  sequence: fc.integer({ min: 0, max: 3 }),
  offset: fc.integer({ min: 0, max: 3 }),
  isSpent: fc.integer({ min: 0, max: 9 }).map(value => value === 0),
});

test('agrees with a list of everything sent', () => {
  fc.assert(
    fc.property(fc.array(sent, { minLength: 20, maxLength: 400, size: 'max' }), all => {
      const fast = new OrderedSequences(8, new Uint8Array(36));
      const slow = new SlowSequences();
      const block = new Uint8Array(16);
      for (const { source, sourcePort, sequence, offset, isSpent } of all) {
        const packet = {
          ...newPacket(),
          sourcePort,
          sequence,
          source: new Uint8Array(16).fill(source, 7, 8),
        };
        const isFull = fast.hear(packet, offset) && fast.next(block);
        assert.deepEqual(isFull ? [...block] : undefined, slow.add(source, sourcePort, sequence, offset));
        if (!isFull || !isSpent) continue;
        fast.spend();
        slow.clear();
      }
    }),
  );
});
