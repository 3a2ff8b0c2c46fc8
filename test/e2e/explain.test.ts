/** What the daemon made of packets, and what `explain` makes of a recording of the same packets: the same. */
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Daemon } from './harness/daemon.js';
import { eventually } from './harness/eventually.js';
import { hasManyUsers, missing } from './harness/isolation.js';
import { Network } from './harness/network.js';

interface Explanation {
  readonly source: string;
  readonly outcome: string;
  readonly door?: string;
  readonly client?: string;
  readonly reason?: string;
}

/** tcpdump sets its user and its groups, even to what they are, and one who is alone may not. */
const noRecorder = missing('tcpdump') || (!hasManyUsers() && 'there is one user only');

describe('a recording', { skip: noRecorder }, () => {
  test('of knocks on both families is explained as the daemon took them', async t => {
    const network = await Network.create(t);
    const client = await network.addClient();
    const doors = [
      { name: 'ssh', command: 1, services: ['tcp/22'] },
      { name: 'job', command: 2, run: ['/bin/true'] },
    ];
    const daemon = await Daemon.start(t, network.server, { doors });
    const capture = join(daemon.folder, 'capture');
    const recorder = client.namespace.start('tcpdump', [
      // As whom it is, so that it can write where we do.
      '-Z',
      'root',
      '-i',
      'uplink',
      '-U',
      '-s',
      '128',
      '-w',
      capture,
      'tcp',
    ]);
    await recorder.line(/listening on/);
    const knocks: [string, number, number][] = [
      [network.server.ipv4, 1, 7],
      [network.server.ipv6, 2, 7],
      [network.server.ipv4, 9, 7],
      [network.server.ipv6, 1, 8],
    ];
    for (const [address, command, id] of knocks) {
      assert.equal((await daemon.knock(client, [], { address, command, id }).end()).status, 0);
    }
    await eventually('four outcomes', () => outcomes(daemon.program?.stderr ?? '').length === 4);
    // 128 SYNs of 74 or 94 bytes, and 16 bytes before each.
    await eventually('all is recorded', () => statSync(capture).size > 12_800);
    await recorder.stop();
    const explain = daemon.command(['explain', capture]);
    assert.equal((await explain.end()).status, 0, explain.output);
    assert.notEqual(explain.stdout, '', explain.output + recorder.output);
    const lines = explain.stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as Explanation);
    assert.deepEqual(
      lines.map(({ source, outcome, door, client: name, reason }) => [source, outcome, door, name, reason]),
      [
        [client.ipv4, 'opened', 'ssh', 'laptop', undefined],
        [client.ipv6, 'ran', 'job', 'laptop', undefined],
        [client.ipv4, 'refused', undefined, 'laptop', 'unknown-command'],
        [client.ipv6, 'refused', 'ssh', undefined, 'unknown-client'],
      ],
    );
    assert.deepEqual(
      lines.map(({ reason, outcome }) => reason ?? outcome),
      outcomes(daemon.program?.stderr ?? ''),
    );
  });
});

function outcomes(log: string): string[] {
  return [...log.matchAll(/portknockd: (?:warning: )?(?:(opened|ran) |refused: ([a-z-]+):)/g)].map(
    ([, done, reason]) => done ?? reason ?? '',
  );
}
