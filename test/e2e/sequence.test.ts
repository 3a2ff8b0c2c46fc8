/** Doors that open by plain sequences, knocked with the real knock, wherever the daemon listens. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventually } from './harness/eventually.js';
import { missing } from './harness/isolation.js';
import { fromInterface, near, nearInterface, Sequenced, usual, usualDoor } from './harness/sequenced.js';

const captures = {
  nflog: { from: 'nflog' },
  'an interface': fromInterface,
  'every interface': { from: 'interface', interface: 'any' },
};
/** Of TCP alone, so that it can be knocked from any address. */
const webDoor = { name: 'web', sequence: ['7100/tcp', '7300/tcp', '7200/tcp'], services: ['tcp/80'] };
const webPorts = [7100, 7300, 7200];

const skip = missing('/usr/bin/knock');

for (const [place, capture] of Object.entries(captures)) {
  describe(`a sequence heard from ${place}`, { skip, concurrency: 4 }, () => {
    test('opens for who knocked it, over either family, and closes on time', async t => {
      const s = await Sequenced.start(t, { capture }, { ...usualDoor, open_for: '1s' });
      await s.shuts();
      await s.knock(usual);
      await s.opens();
      await s.shuts('ipv6');
      await s.program.line(/opened ssh for a sequence from 10\.77\.1\.2: tcp\/22 for 1s/);
      await s.program.line(/closed ssh for \* from 10\.77\.1\.2/);
      await s.shuts();
      await s.knock(usual, { address: near.ipv6, options: ['-6'] });
      await s.opens('ipv6');
      assert.equal(s.log.split(' opened ').length, 3);
      await s.program.line(/closed ssh for \* from fd77:1::2/);
      await s.shuts('ipv6');
    });

    test('is each source’s own, however they are mixed', async t => {
      const s = await Sequenced.start(t, { capture }, webDoor);
      const sources = Array.from({ length: 20 }, (_, at) => `10.77.1.${100 + at}`);
      const wanted = webPorts.flatMap(port => sources.map(source => ({ source, port, flags: 'syn' })));
      await s.send(sources[0]!, ...wanted);
      await s.fence();
      const { openings } = await s.status();
      assert.deepEqual(
        openings.map(({ door, client, source, service }) => [door, client, source, service]).sort(),
        sources.map(source => ['web', '*', source, 'tcp/80']).sort(),
      );
    });

    if (place === 'every interface') return;

    test('is refused in another order, with one port more, one less, or of another protocol', async t => {
      const s = await Sequenced.start(t, { capture });
      await s.knock([7000, '8000:udp', '8000:udp', 9000]);
      await s.program.line(
        /warning: refused: wrong-port: somebody from 10\.77\.1\.2 for ssh: a wrong port after stage 2/,
      );
      await s.knock(['8000:udp', 7000, 9000]);
      // The first port at the end would begin the next knock.
      await s.knock([9000, '8000:udp', 7000, 9000]);
      await s.knock([7000, 9000]);
      await s.knock([7000, 8000, 9000]);
      await s.knock([7000, '8000:udp', '9000:udp']);
      await s.knock(['7000:udp', '8000:udp', '9000:udp']);
      await s.stayedShut();
      const { last_knocks: knocks } = await s.status();
      const refused = knocks.filter(({ door }) => door === 'ssh');
      assert.deepEqual(new Set(refused.map(({ outcome }) => outcome)), new Set(['wrong-port']));
      await s.knock([7000, '8000:udp']);
      await s.knock([9000]);
      await s.opens();
    });

    test('may be of other flags', async t => {
      const door = { ...webDoor, tcp_flags: ['fin', '!syn', '!ack'] };
      const s = await Sequenced.start(t, { capture }, door);
      const all = (flags: string) => webPorts.map(port => ({ port, flags }));
      await s.send('10.77.1.3', ...all('syn'), ...all('fin,ack'));
      await s.fence();
      assert.doesNotMatch(s.log, / opened /);
      // What has not these flags is passed over.
      await s.send('10.77.1.4', ...all('fin').flatMap(fin => [fin, { port: 7100, flags: 'syn' }]));
      await s.program.line(/opened web for a sequence from 10\.77\.1\.4/);
    });

    test('with a port twice opens where that is allowed', async t => {
      const patient = { ...webDoor, name: 'patient', services: ['tcp/81'], allow_duplicates: true };
      const s = await Sequenced.start(t, { capture }, webDoor, patient);
      await s.send('10.77.1.3', 7100, 7100, 7300, 7300, 7300, 7200);
      await s.fence();
      assert.match(s.log, /opened patient for a sequence from 10\.77\.1\.3/);
      assert.doesNotMatch(s.log, /opened web/);
    });

    test('has to come in time', async t => {
      const s = await Sequenced.start(t, { capture }, { ...usualDoor, sequence_timeout: '1s' });
      await s.knock([7000, '8000:udp']);
      await s.program.line(/warning: refused: timed-out: somebody from 10\.77\.1\.2 for ssh: .* stage 2/);
      await s.knock([9000]);
      await s.stayedShut();
      const { last_knocks: knocks } = await s.status();
      assert(knocks.some(({ outcome, door }) => outcome === 'timed-out' && door === 'ssh'));
      await s.knock(usual);
      await s.opens();
    });
  });
}

describe('where a sequence is heard', { skip, concurrency: 4 }, () => {
  test('an interface that went down, or is another one of its name, is heard again', async t => {
    const s = await Sequenced.start(t, { capture: fromInterface });
    const { namespace } = s.server;
    await namespace.ip(`link set ${nearInterface} down`);
    await s.program.line(/warning: the interface down1 is down/);
    await namespace.ip(`link set ${nearInterface} up`);
    await namespace.ip(`address replace ${near.ipv6}/64 dev ${nearInterface} nodad`);
    await s.program.line(/the interface down1 is back/);
    await s.knock(usual);
    await s.opens();
    await s.close();
    await namespace.ip(`link delete ${nearInterface}`);
    await s.program.line(/warning: the interface down1 is gone/);
    s.program.forget();
    await namespace.ip(
      `link add ${nearInterface} type veth peer name uplink netns ${s.client.namespace.name}`,
    );
    await namespace.ip(`address add ${near.ipv4}/24 dev ${nearInterface}`);
    await namespace.ip(`link set ${nearInterface} up`);
    await s.client.namespace.ip(`address add ${s.client.ipv4}/24 dev uplink`);
    await s.client.namespace.ip('link set uplink up');
    await s.program.line(/the interface down1 is back: .*10\.77\.1\.1/);
    await s.knock(usual);
    await s.opens();
    await s.close();
    await namespace.ip(`address add 10.77.1.77/24 dev ${nearInterface}`);
    // Nothing is said of a new address: it is heard some time after it came.
    await eventually('a knock at the new address opens', async () => {
      await s.knock(usual, { address: '10.77.1.77' });
      return s.isOpen();
    });
  });

  test('addresses that come and go while the daemon starts', async t => {
    const s = await Sequenced.start(t, { capture: fromInterface });
    await s.program.stop();
    const starting = s.daemon.run();
    for (let round = 0; s.program.ending !== undefined || !/ready/.test(s.log); round++) {
      assert(round < 500, s.log);
      const what = round % 2 === 0 ? 'add' : 'delete';
      await s.server.namespace.ip(`address ${what} 10.77.1.77/24 dev ${nearInterface}`);
    }
    await starting;
    await s.knock(usual);
    await s.opens();
    assert.doesNotMatch(s.log, /error:/);
  });

  test('from an interface, command doors need no table in the kernel', async t => {
    const door = { name: 'job', sequence: usualDoor.sequence, run: ['/bin/true'], close_run: ['/bin/true'] };
    const s = await Sequenced.start(t, { capture: fromInterface }, { ...door, open_for: '200ms' });
    await s.knock(usual);
    await s.program.line(/closed job for \* from 10\.77\.1\.2/);
    assert.equal(await s.server.namespace.exec('nft', ['list', 'ruleset']), '');
    assert(await s.isOpen(), 'nothing is guarded');
  });
});
