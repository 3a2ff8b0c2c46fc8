/** What a client sends for a sequence, and how its ports may be written on a command line. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compose, parseOperand } from '../../../src/methods/plain-sequence/compose.js';
import { tcp, udp } from '../../../src/net/packet.js';

test('a datagram holds one zero byte, as knock’s does', () => {
  const packets = compose([
    { protocol: udp, port: 8000 },
    { protocol: tcp, port: 7000 },
  ]);
  assert.deepEqual(packets, [
    { protocol: udp, port: 8000, payload: Uint8Array.of(0) },
    { protocol: tcp, port: 7000, payload: undefined },
  ]);
});

const good: readonly [text: string, protocol: number, port: number | string][] = [
  ['7000', tcp, 7000],
  ['7000:tcp', tcp, 7000],
  ['7000:udp', udp, 7000],
  ['7000/udp', udp, 7000],
  ['7000:UDP', udp, 7000],
  ['7000/Tcp', tcp, 7000],
  ['1', tcp, 1],
  ['65535:udp', udp, 65535],
  ['ssh', tcp, 'ssh'],
  ['domain:udp', udp, 'domain'],
  ['z39.50', tcp, 'z39.50'],
];

for (const [text, protocol, port] of good) {
  test(`a port: ${text}`, () => assert.deepEqual(parseOperand(text), { protocol, port }));
}

const wrong: readonly [text: string, mistake: RegExp, hint: RegExp][] = [
  ['0', /"0" is no port/, /1 to 65535/],
  ['65536', /no port/, /1 to 65535/],
  ['99999', /no port/, /1 to 65535/],
  ['72536', /no port/, /1 to 65535/],
  ['4294974296', /no port/, /1 to 65535/],
  ['-7000', /no port/, /1 to 65535/],
  ['7000:foo', /has the protocol "foo"/, /7000:udp/],
  ['7000:toString', /has the protocol "toString"/, /udp/],
  ['7000:', /no port/, /such as 7000/],
  [':udp', /no port/, /such as 7000/],
  ['7000:udp:tcp', /no port/, /such as 7000/],
  ['7000,8000', /no port/, /blanks between ports: 7000 8000$/],
  ['', /no port/, /such as/],
  ['70 00', /no port/, /such as/],
];

for (const [text, mistake, hint] of wrong) {
  test(`no port: ${JSON.stringify(text)}`, () => {
    const found = parseOperand(text);
    assert('mistake' in found);
    assert.match(found.mistake, mistake);
    assert.match(found.hint ?? '', hint);
  });
}
