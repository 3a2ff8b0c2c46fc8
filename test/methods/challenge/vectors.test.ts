/** Hellos, challenges and responses that another program has made: each is taken from the middle of a buffer that changes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readChallenge } from '../../../src/methods/challenge/compose.js';
import { detailOf, flaws } from '../../../src/methods/challenge/flaws.js';
import { type Answer, Challenge } from '../../../src/methods/challenge/recognise.js';
import type { Claim } from '../../../src/methods/challenge/site.js';
import { siteLine } from '../../../src/methods/challenge/text.js';
import type { Refusal } from '../../../src/methods/knock.js';
import { formatAddress, parseAddress } from '../../../src/net/address.js';
import { packetOf } from './exchange.js';
import { amidst, knownSite, servedSite, vectors } from './vectors.js';

const { secret, startedAt } = vectors.server;
const nothing = { outcome: 'nothing' } as const;

function server(site: 'keyed' | 'named'): Challenge {
  return new Challenge(servedSite(site), Buffer.from(secret, 'hex'), startedAt);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** An outcome as vectors say it. */
function plain(outcome: Answer | Claim | Refusal | undefined) {
  if (outcome === undefined) return nothing;
  if (outcome.outcome === 'answer') return { ...outcome, payload: hex(outcome.payload) };
  if (outcome.outcome === 'refused') {
    const { reason, detail, door } = outcome;
    const told = reason === 'bad-tag' ? flaws[detail! - 1] : detail;
    return {
      ...{ outcome: 'refused', reason },
      ...(told === undefined ? {} : { detail: told }),
      ...(door === undefined ? {} : { door }),
    };
  }
  const { at: _, source: __, signature, text, digest, ...claim } = outcome;
  return { ...claim, signature: hex(signature), text: Buffer.from(text).toString(), digest: hex(digest) };
}

/** What is made of a datagram, looked at when all that it was made of has been overwritten. */
function take(vector: {
  site: 'keyed' | 'named';
  at: number;
  source: string;
  payload: string;
  random?: string;
}) {
  const { buffer, payload } = amidst(Buffer.from(vector.payload, 'hex'));
  const packet = packetOf(payload, vector.at, vector.source);
  const random = amidst(Buffer.from(vector.random ?? '', 'hex'));
  const outcome = server(vector.site).recognise(packet, random.payload, () => false);
  buffer.fill(0);
  random.buffer.fill(0);
  packet.source.fill(0);
  packet.payload = buffer;
  if (outcome !== undefined && outcome.outcome !== 'answer') {
    assert.deepEqual(outcome.source, parseAddress(vector.source));
    assert.equal(outcome.at, vector.at);
  }
  return plain(outcome);
}

test('the names of sites', () => {
  for (const name of ['keyed', 'named'] as const) {
    const site = knownSite(name);
    assert.equal(siteLine(site.siteKey, site.name ?? ''), vectors.sites[name].line);
  }
});

for (const vector of vectors.hellos) {
  test(`hello: ${vector.name}`, () => assert.deepEqual(take(vector), vector.expect));
}

for (const vector of vectors.responses) {
  test(`response: ${vector.name}`, () => assert.deepEqual(take(vector), vector.expect));
}

for (const { name, site, door, exchange, payload: sent, expect } of vectors.challenges) {
  test(`challenge: ${name}`, () => {
    const { buffer, payload } = amidst(Buffer.from(sent, 'hex'));
    const asked = { site: knownSite(site), door, exchange: Buffer.from(exchange, 'hex') };
    const read = readChallenge(asked, payload);
    buffer.fill(0);
    if (expect === null || read === undefined) return assert.equal(read ?? null, expect);
    const { text, expires, source, nonce, mac } = read;
    assert.deepEqual(
      {
        text: Buffer.from(text).toString(),
        expires,
        source: formatAddress(source),
        nonce: hex(nonce),
        mac: hex(mac),
      },
      expect,
    );
  });
}

test('there are more refusals than acceptances', () => {
  const all = [...vectors.hellos, ...vectors.responses, ...vectors.challenges];
  const good = all.filter(
    ({ expect }) => expect !== null && !('outcome' in expect && /refused|nothing/.test(expect.outcome)),
  );
  assert.ok(good.length >= 20 && good.length * 2 < all.length, `${good.length} of ${all.length}`);
});

test('every flaw has a detail of its own', () => {
  assert.deepEqual(
    flaws.map(detailOf),
    flaws.map((_, at) => at + 1),
  );
});
