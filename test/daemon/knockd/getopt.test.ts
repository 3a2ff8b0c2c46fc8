/** knockd's spelling of options: each row is what getopt_long(3) makes of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { spellOut } from '../../../src/daemon/knockd/getopt.js';

const table = {
  interface: { kind: 'text', short: 'i' },
  debug: { kind: 'flag', short: 'D' },
  daemon: { kind: 'flag', short: 'd' },
  onlyIpV4: { kind: 'flag', short: '4' },
} as const;

for (const [given, spelled] of [
  ['-i eth0 -D', '--interface=eth0 --debug'],
  ['-ieth0', '--interface=eth0'],
  ['-Dd4', '--debug --daemon --only-ip-v4'],
  ['-Di eth0 -d', '--debug --interface=eth0 --daemon'],
  ['-Dieth0 -d', '--debug --interface=eth0 --daemon'],
  ['-i -D', '--interface=-D'],
  ['--int=eth0 --only', '--interface=eth0 --only-ip-v4'],
  ['--int eth0', '--interface eth0'],
  ['--d', '--d'],
  ['--debug --da', '--debug --daemon'],
  ['--nonsense -x', '--nonsense -x'],
  ['-D -- -i eth0', '--debug -- -i eth0'],
  ['a -i', 'a --interface'],
  ['-', '-'],
] as const) {
  test(given, () => assert.deepEqual(spellOut(given.split(' '), table), spelled.split(' ')));
}
