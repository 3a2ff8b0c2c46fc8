/** What a server makes of hellos and responses: once, here, in time; and what comes again, elsewhere or too late. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KnownSite } from '../../../src/methods/challenge/compose.js';
import { formatAddress } from '../../../src/net/address.js';
import { tcp } from '../../../src/net/packet.js';
import {
  client,
  flawed,
  fresh,
  hello,
  keyed,
  lifeMs,
  now,
  packetOf,
  read,
  respond,
  Server,
  said,
  siteKey,
  siteOf,
  skewMs,
  started,
} from './exchange.js';

const other = '2001:db8::7';
const named: KnownSite = { name: 'gate.example' };

for (const site of [keyed, named]) {
  const title = site.siteKey === undefined ? 'without a site key' : 'with a site key';
  for (const source of [client, other]) {
    test(`an exchange ${title}, of ${source}`, () => {
      const server = new Server(siteOf(site));
      const challenge = server.ask(site, 'ssh', { source });
      const claim = server.take(respond(challenge, 200, 'openpgp'), now + 5, source);
      assert.ok(claim?.outcome === 'claim', said(claim));
      assert.deepEqual([claim.door, claim.kind, claim.at, claim.issuedAt], ['ssh', 'openpgp', now + 5, now]);
      assert.equal(formatAddress(claim.source), source);
      assert.deepEqual(claim.text, challenge.text);
      assert.deepEqual(claim.signature, Buffer.alloc(200, 0xa5));
    });
  }
}

test('what is signed is read by people', () => {
  const server = new Server(siteOf(named));
  const challenge = server.ask(named, 'web', { source: other });
  const { nonce, mac } = challenge;
  assert.equal(
    Buffer.from(challenge.text).toString('latin1'),
    [
      'portknock challenge 1',
      'site: name gate.example',
      'door: web',
      'source: 2001:db8::7',
      `challenge: ${Buffer.concat([nonce, mac]).toString('hex')}`,
      'expires: 2026-11-21T22:37:10.000Z',
      '',
    ].join('\n'),
  );
});

test('an answer is shorter than its hello', () => {
  const { payload } = hello();
  const answer = new Server().take(payload);
  assert.ok(answer?.outcome === 'answer');
  assert.deepEqual([payload.length, answer.payload.length], [128, 108]);
});

test('a hello that comes again is not answered: at once, later, from elsewhere', () => {
  const server = new Server();
  const { payload } = hello();
  assert.equal(said(server.take(payload)), 'answer');
  assert.equal(said(server.take(payload)), 'replayed');
  assert.equal(said(server.take(payload, now + 1, other)), 'replayed');
  assert.equal(said(server.take(payload, now + skewMs + 1)), `stale ${skewMs + 1}`);
});

test('a hello that asks for no door is not answered, nor when the door is there', () => {
  const server = new Server();
  const { payload } = hello('mail');
  assert.equal(said(server.take(payload)), 'unknown-command');
  server.method.site = siteOf(keyed, ['mail']);
  assert.equal(said(server.take(payload)), 'replayed');
  assert.equal(said(server.take(hello('mail').payload)), 'answer');
});

for (const [behindMs, expected] of [
  [0, 'answer'],
  [skewMs, 'answer'],
  [-skewMs, 'answer'],
  [skewMs + 1, `stale ${skewMs + 1}`],
  [-skewMs - 1, `stale ${-skewMs - 1}`],
] as const) {
  test(`a hello whose clock is ${behindMs} ms behind: ${expected}`, () => {
    assert.equal(said(new Server().take(hello('ssh', now - behindMs).payload)), expected);
  });
}

test('hellos from before the start are not answered, however little', () => {
  const server = new Server();
  assert.equal(said(server.take(hello('ssh', started - 1).payload, started + 2)), 'stale 3');
  assert.equal(said(server.take(hello('ssh', started).payload, started + 2)), 'answer');
});

test('the table of hellos does not grow: the newest half is always known, the oldest goes', () => {
  const server = new Server();
  const first = hello();
  const others = (count: number) => {
    for (let at = 0; at < count; at++) assert.equal(server.take(hello().payload)?.outcome, 'answer');
  };
  assert.equal(said(server.take(first.payload)), 'answer');
  others(65_535);
  assert.equal(said(server.take(first.payload)), 'replayed');
  others(1);
  assert.equal(said(server.take(first.payload)), 'answer');
});

test('one response to a challenge is looked at, from wherever the next one comes', () => {
  const server = new Server();
  const challenge = server.ask();
  const payload = respond(challenge);
  assert.equal(said(server.take(payload)), 'claim');
  assert.equal(said(server.take(payload)), 'replayed');
  assert.equal(said(server.take(respond(challenge, 300, 'openpgp'), now + 9)), 'replayed');
  assert.equal(said(server.take(payload, now, other)), 'wrong-address');
});

test('a response from elsewhere does not spend the challenge', () => {
  const server = new Server();
  const challenge = server.ask();
  assert.equal(said(server.take(respond(challenge), now, other)), 'wrong-address');
  assert.equal(said(server.take(respond(challenge))), 'claim');
});

test('what the ledger has heard is not looked at', () => {
  const before = new Server();
  const payload = respond(before.ask());
  const claim = before.take(payload);
  assert.ok(claim?.outcome === 'claim');
  const heard = new Set([Buffer.from(claim.digest).toString('hex')]);
  assert.equal(said(new Server(siteOf(), Buffer.alloc(32, 1), heard).take(payload)), 'replayed');
});

test('the ledger is asked with the moment that the challenge was made', () => {
  const server = new Server();
  const payload = respond(server.ask());
  const times: number[] = [];
  server.method.recognise(packetOf(payload, now + 7), fresh(28), ({ time }) => {
    times.push(time);
    return false;
  });
  assert.deepEqual(times, [now]);
});

test('after a restart no challenge from before is good', () => {
  const payload = respond(new Server().ask());
  const after = new Server(siteOf(), Buffer.alloc(32, 2));
  assert.equal(said(after.take(payload)), flawed('bad-tag', 'not-ours'));
});

test('a challenge is good for thirty seconds, and not before it was made', () => {
  const server = new Server();
  const at = (ms: number) => said(server.take(respond(server.ask()), now + ms));
  assert.equal(at(lifeMs), 'claim');
  assert.equal(at(lifeMs + 1), 'timed-out 1');
  assert.equal(at(0), 'claim');
  assert.equal(at(-1), `timed-out ${-lifeMs - 1}`);
});

test('what came too late does not spend the challenge', () => {
  const server = new Server();
  const challenge = server.ask();
  server.take(respond(challenge), now + lifeMs + 1);
  assert.equal(said(server.take(respond(challenge))), 'claim');
});

test('a challenge is good for its door alone', () => {
  const server = new Server();
  const challenge = { ...server.ask(keyed, 'ssh'), door: 'web' };
  assert.equal(said(server.take(respond(challenge))), flawed('bad-tag', 'not-ours'));
});

test('a door that has gone since', () => {
  const server = new Server();
  const challenge = server.ask();
  server.method.site = siteOf(keyed, ['web']);
  assert.equal(said(server.take(respond(challenge))), 'unknown-command');
});

test('two challenges under way are each good once, in any order', () => {
  const server = new Server();
  const [first, second] = [server.ask(), server.ask()];
  assert.notDeepEqual(first.nonce, second.nonce);
  assert.equal(said(server.take(respond(second))), 'claim');
  assert.equal(said(server.take(respond(first))), 'claim');
  assert.equal(said(server.take(respond(second))), 'replayed');
  const mixed = { ...server.ask(), mac: server.ask().mac };
  assert.equal(said(server.take(respond(mixed))), flawed('bad-tag', 'not-ours'));
});

test('a reload keeps challenges under way, another site key does not', () => {
  const server = new Server();
  const [one, two] = [server.ask(), server.ask()];
  server.method.site = siteOf(keyed, ['ssh']);
  assert.equal(said(server.take(respond(one))), 'claim');
  server.method.site = siteOf({ siteKey: Buffer.alloc(32, 9) });
  assert.equal(said(server.take(respond(two))), flawed('bad-tag', 'unreadable'));
  assert.equal(said(server.take(hello().payload)), flawed('bad-tag', 'unreadable'));
});

test('nobody without the site key is answered', () => {
  const server = new Server();
  assert.equal(said(server.take(hello('ssh', now, named).payload)), flawed('bad-tag', 'unreadable'));
  const open = new Server(siteOf(named));
  assert.equal(said(open.take(hello('ssh', now, { siteKey }).payload)), flawed('bad-tag', 'unreadable'));
});

test('a challenge is read by the hello that it answers', () => {
  const server = new Server();
  const [first, second] = [hello(), hello()];
  const answer = server.take(first.payload);
  assert.throws(() => read(second.asked, answer), /no challenge/);
  assert.equal(read(first.asked, answer).door, 'ssh');
});

test('TCP is nothing, whatever it carries', () => {
  const packet = { ...packetOf(hello().payload), protocol: tcp };
  assert.equal(
    new Server().method.recognise(packet, fresh(28), () => false),
    undefined,
  );
});

test('a secret of another length is a mistake', () => {
  assert.throws(() => new Server(siteOf(), Buffer.alloc(31)), /"secret" expected 32 bytes, got 31/);
});
