/** What comes of a response when its signature is judged: who may, who may not, and every flaw. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { detailOf, flawOf } from '../../../src/methods/challenge/flaws.js';
import {
  type Judgement,
  type SignatureFlaw,
  type Signer,
  signatureFlaws,
} from '../../../src/methods/challenge/site.js';
import type { Reason } from '../../../src/methods/knock.js';
import { now, respond, Server, said } from './exchange.js';

const key = '4f'.repeat(20);

function signer(changes: Partial<Signer> = {}): Signer {
  return { client: 'john', doors: ['ssh'], revoked: false, openpgp: [], ssh: [], ...changes };
}

function conclude(judgement: Judgement, signers: readonly Signer[] = [signer()]) {
  const server = new Server();
  const claim = server.take(respond(server.ask()), now + 3);
  assert.ok(claim?.outcome === 'claim');
  return { claim, verdict: server.method.conclude(claim, judgement, signers) };
}

test('a good signature of one who may is a knock, remembered by its challenge', () => {
  const others = [signer({ client: 'jane', doors: [] }), signer()];
  const { claim, verdict } = conclude({ client: 'john', key }, others);
  const { digest, source } = claim;
  assert.deepEqual(verdict, {
    outcome: 'knock',
    method: 'challenge',
    door: 'ssh',
    client: 'john',
    source,
    at: now + 3,
    once: { digest, time: now, isAnswer: true },
    serial: key,
  });
});

const refused: readonly (readonly [title: string, signers: readonly Signer[], reason: string])[] = [
  ['a client that is revoked', [signer({ revoked: true })], 'revoked'],
  ['a revoked client at a door that is not his', [signer({ revoked: true, doors: [] })], 'revoked'],
  ['a door that is another client’s', [signer({ doors: ['web'] })], 'not-allowed'],
  ['a client that is gone', [signer({ client: 'jane' })], 'unknown-client 2'],
  ['nobody at all', [], 'unknown-client 2'],
];

for (const [title, signers, reason] of refused) {
  test(`a good signature, ${title}: ${reason}`, () => {
    const { verdict } = conclude({ client: 'john', key }, signers);
    assert.equal(said(verdict), reason);
    assert.ok(verdict.outcome === 'refused');
    const { door, client, serial, at } = verdict;
    assert.deepEqual([door, client, serial, at], ['ssh', 'john', key, now + 3]);
  });
}

const reasons: Readonly<Record<SignatureFlaw, Reason>> = {
  malformed: 'bad-tag',
  'unknown-key': 'unknown-client',
  'bad-signature': 'bad-tag',
  'weak-signature': 'bad-tag',
  'key-expired': 'expired',
  'key-revoked': 'revoked',
  'not-touched': 'bad-tag',
  'not-verified': 'bad-tag',
  'other-source': 'bad-tag',
  'not-judged': 'bad-tag',
};

for (const flaw of signatureFlaws) {
  test(`a signature that is ${flaw}: ${reasons[flaw]}`, () => {
    const { verdict } = conclude({ flaw, client: 'john', key });
    assert.ok(verdict.outcome === 'refused');
    const { reason, detail, client, serial } = verdict;
    assert.deepEqual([reason, detail, client, serial], [reasons[flaw], detailOf(flaw), 'john', key]);
    assert.equal(flawOf(reason, detail), flaw);
  });
}

test('of a flaw nothing need be known', () => {
  const { verdict } = conclude({ flaw: 'malformed', client: undefined, key: undefined });
  assert.ok(verdict.outcome === 'refused');
  assert.deepEqual([verdict.client, verdict.serial], [undefined, undefined]);
});

test('a detail is a flaw where the reason has one', () => {
  assert.equal(flawOf('stale', 1), undefined);
  assert.equal(flawOf('timed-out', 2), undefined);
  assert.equal(flawOf('revoked', undefined), undefined);
  assert.equal(flawOf('bad-tag', detailOf('not-ours')), 'not-ours');
});
