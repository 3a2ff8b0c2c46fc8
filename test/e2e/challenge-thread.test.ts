/** The thread that judges signatures: whatever becomes of it, those that come after get in, and it is said. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Challenged, port } from './harness/challenged.js';
import { notIsolated } from './harness/isolation.js';
import { stubbornSignatory } from './harness/stubborn.js';

const doors = ['ssh', 'hang', 'die'].map(name => ({ name, services: ['tcp/22'], open_for: '1s' }));

describe('the thread that judges', { skip: notIsolated }, () => {
  for (const [door, said] of [
    ['hang', /the thread that judges signatures did not answer in time; it is started again/],
    ['die', /the thread that judges signatures has ended; it is started again/],
  ] as const) {
    test(`where it would ${door}, one response is refused, and the next opens`, async t => {
      const site = await Challenged.start(t, { doors, path: stubbornSignatory(t) });
      const [bad, good] = [await site.ask(site.door(site.server.ipv4, door)), await site.ask()];
      await site.asker.send(site.server.ipv4, port, bad.response, 0);
      await site.asker.send(site.server.ipv4, port, good.response, 0);
      await site.program.line(said);
      await site.program.line(
        new RegExp(`refused: bad-tag: .* for ${door}: its signature could not be judged`),
      );
      await site.program.line(/opened ssh for john/);
      assert.equal(await site.isAnswered(), true);
      assert.equal((await site.counters())['signatory restarts'], 1);
    });
  }
});
