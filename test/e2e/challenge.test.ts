/** Challenges answered with signatures, from hello to open door: what is answered, what opens, and what never does. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { challengeLength, helloLength } from '../../src/methods/challenge/format.js';
import { Asker, hello, respond, SshSigner } from './harness/asker.js';
import { Challenged, port } from './harness/challenged.js';
import { eventually } from './harness/eventually.js';
import { notIsolated } from './harness/isolation.js';
import { greeting } from './harness/service.js';

describe('challenges', { skip: notIsolated }, () => {
  for (const family of ['ipv4', 'ipv6'] as const) {
    test(`a signature over a challenge opens the door for its source over ${family}, once`, async t => {
      const site = await Challenged.start(t);
      const { program, client, server } = site;
      const door = site.door(server[family]);
      const { answer, response, challenge } = await site.ask(door);
      assert.deepEqual([answer.address, answer.port], [server[family], port], 'from where the hello went');
      assert.equal(answer.hex.length / 2, challengeLength);
      assert.match(Buffer.from(challenge.text).toString(), new RegExp(`^source: ${client[family]}$`, 'm'));
      assert.equal(await client.portState(server[family], 22), 'silent');
      await site.asker.send(door.address, port, response, 0);
      const who = 'john \\(ssh-ed25519 SHA256:[A-Za-z0-9+/]{43}\\)';
      await program.line(new RegExp(`opened ssh for ${who} from ${client[family]}: tcp/22 for 1s$`));
      assert.equal(await client.greeting(server[family], 22), greeting);
      await eventually('shuts', async () => (await client.portState(server[family], 22)) === 'silent');
      const counters = await site.counters();
      assert.deepEqual(
        ['hellos', 'challenges sent', 'responses', 'knocks'].map(name => counters[name]),
        [1, 1, 1, 1],
      );
    });
  }

  test('an address of a link alone is answered by the way that it came', async t => {
    const site = await Challenged.start(t);
    const [server, client] = await Promise.all([
      linkLocal(await site.server.namespace.ip('-6 -json address show dev down1 scope link')),
      linkLocal(await site.client.namespace.ip('-6 -json address show dev uplink scope link')),
    ]);
    const { answer, response } = await site.ask(site.door(`${server}%uplink`));
    assert.equal(answer.address.split('%')[0], server);
    await site.asker.send(`${server}%uplink`, port, response, 0);
    await site.program.line(new RegExp(`opened ssh for john .* from ${client}:`));
  });

  test('every datagram that is sent again comes to nothing, from wherever and whenever', async t => {
    const site = await Challenged.start(t);
    const elsewhere = new Asker(await site.network.addClient());
    const { hello: first, response } = await site.ask();
    const unused = await site.ask();
    await site.asker.send(site.server.ipv4, port, response, 0);
    await site.program.line(/opened ssh/);
    await site.shuts();
    for (const restart of [false, true]) {
      if (restart) {
        await site.program.stop();
        await site.daemon.run();
      } else site.program.forget();
      for (const asker of [site.asker, elsewhere]) {
        for (const bytes of [first, unused.hello, response]) {
          assert.deepEqual(await asker.send(site.server.ipv4, port, bytes, 200), []);
        }
      }
      const foreign = await elsewhere.send(site.server.ipv4, port, unused.response, 200);
      assert.deepEqual(foreign, []);
      const why = restart ? /refused: bad-tag: .*not made here/ : /refused: wrong-address: .*10\.77\.2\.2/;
      await site.program.line(why);
      await site.program.line(restart ? /refused: stale: / : /refused: replayed: /);
      assert.equal(site.said(/opened/), 0);
      assert.equal(await site.client.portState(site.server.ipv4, 22), 'silent');
    }
    const { response: next } = await site.ask();
    await site.asker.send(site.server.ipv4, port, next, 0);
    await site.program.line(/opened ssh/);
  });

  test('a hello with any bit another, or shorter or longer, is not answered', async t => {
    const site = await Challenged.start(t);
    const { payload } = hello(site.site, 'ssh');
    const wrong: Uint8Array[] = Array.from({ length: helloLength * 8 }, (_, bit) => {
      const bytes = Uint8Array.from(payload);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      return bytes;
    });
    for (let length = 0; length < helloLength; length++) wrong.push(payload.subarray(0, length));
    for (const length of [129, 182, 400, 1232]) wrong.push(Buffer.concat([payload], length));
    for (const [index, bytes] of wrong.entries()) {
      // Whoever sends more at once is not listened to.
      if (index % 150 === 0) await site.forgetSources();
      assert.deepEqual(await site.asker.send(site.server.ipv4, port, bytes, 1), [], `${index}`);
    }
    assert.deepEqual(await site.asker.send(site.server.ipv4, port, Buffer.alloc(128), 500), []);
    const counters = await site.counters();
    assert.equal(counters['hellos'], helloLength * 8 + 1, 'all that have the length of one were heard');
    assert.equal(counters['challenges sent'], 0);
    const answers = await site.asker.send(site.server.ipv4, port, payload);
    assert.equal(answers.length, 1, 'the right one was not used up');
  });

  test('without a site key everybody is answered, and signs for the name', async t => {
    const site = await Challenged.start(t, { challenge: { stealth: false, site: 'gate' } });
    const door = { ...site.door(), site: { name: 'gate' } };
    assert.equal(await site.isAnswered(site.asker, site.door()), false, 'with a key');
    const { response } = await site.ask({ ...door, site: { name: 'another' } });
    await site.asker.send(door.address, port, response, 0);
    await site.program.line(/refused: bad-tag: .* for ssh: its signature is not one over this challenge/);
    const right = await site.ask(door);
    await site.asker.send(door.address, port, right.response, 0);
    await site.program.line(/opened ssh for john/);
  });

  test('a key that is nobody’s, a door that there is not, a clock that is off: each is told apart', async t => {
    const site = await Challenged.start(t);
    const { challenge } = await site.ask();
    await site.asker.send(site.server.ipv4, port, respond(challenge, new SshSigner()), 0);
    await site.program.line(
      /refused: unknown-client: somebody from 10\.77\.1\.2 for ssh: the key that signed it/,
    );
    assert.equal(await site.isAnswered(site.asker, site.door(site.server.ipv4, 'web')), false);
    await site.program.line(/refused: unknown-command: .* for web: no door has this name/);
    const late = hello(site.site, 'ssh', Date.now() + 20 * 60_000).payload;
    assert.deepEqual(await site.asker.send(site.server.ipv4, port, late, 200), []);
    await site.program.line(/refused: stale: .*its clock is 20m ahead of ours/);
    const { response } = await site.ask();
    const bytes = Uint8Array.from(response);
    bytes[40]! ^= 1;
    await site.asker.send(site.server.ipv4, port, bytes, 0);
    await site.program.line(/refused: bad-tag: .*made with another site key/);
  });
});

/** Objects of what was not asked for are empty. */
function linkLocal(json: string): string {
  const shown = JSON.parse(json) as { readonly addr_info?: readonly { readonly local?: string }[] }[];
  const addresses = shown.flatMap(({ addr_info: all = [] }) => all.flatMap(({ local = [] }) => local));
  assert(addresses[0], json);
  return addresses[0];
}
