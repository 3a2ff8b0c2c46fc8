/** What is drawn on a terminal, and what is not drawn elsewhere. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KnockEvent } from '../../src/client/deliver.js';
import { Screen, type ScreenChoice } from '../../src/client/screen.js';

const choice: ScreenChoice = { place: 'home', waitPort: 22, quiet: false, verbose: false, live: true };

const knocking: KnockEvent = {
  event: 'knocking',
  attempt: 1,
  address: '192.0.2.1',
  description: 'bound to no address: 40001 40002',
};
const events: readonly KnockEvent[] = [
  { event: 'resolved', targets: [{ family: 4, address: '192.0.2.1' }] },
  knocking,
  { event: 'sent' },
  { event: 'sent' },
  { event: 'warning', message: 'behind NAT' },
];

function show(changes: Partial<ScreenChoice>, isTTY: boolean, columns = 80): string {
  let text = '';
  const write = (more: string) => {
    text += more;
  };
  const screen = new Screen({ ...choice, ...changes }, { isTTY, columns, write });
  for (const event of events) screen.watch(event);
  screen.clear();
  return text;
}

/** What is left to be seen of a text that draws over itself. */
function seen(text: string): string {
  const lines = text.split('\n').map(line => line.split('\r\x1b[K').at(-1));
  return lines.join('\n');
}

test('a terminal shows one line with a dot for each SYN, and it is gone at the end', () => {
  const text = show({}, true);
  assert(text.includes('\r\x1b[Khome: knocking at 192.0.2.1 ..'));
  assert(!text.includes('...'));
  assert.equal(seen(text), 'portknock: warning: behind NAT\n');
});

test('no line is longer than the terminal is wide', () => {
  for (const line of show({}, true, 20).split('\r\x1b[K')) {
    if (!line.startsWith('portknock: ')) assert(line.length < 20, line);
  }
});

test('elsewhere nothing moves', () => {
  assert.equal(show({}, false), 'portknock: warning: behind NAT\n');
  assert.equal(show({ quiet: true }, true), '');
  assert.equal(show({ live: false }, true), 'portknock: warning: behind NAT\n');
});

test('every step for those who ask', () => {
  assert.equal(
    show({ verbose: true }, false),
    [
      'portknock: addresses: 192.0.2.1',
      'portknock: knock 1 at 192.0.2.1, bound to no address: 40001 40002',
      'portknock: warning: behind NAT',
      '',
    ].join('\n'),
  );
});

test('what a key waits for is not drawn over', t => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let text = '';
  const write = (more: string) => {
    text += more;
  };
  const screen = new Screen(choice, { isTTY: true, write });
  screen.watch({ event: 'waiting', addresses: ['192.0.2.1'] });
  t.mock.timers.tick(100);
  assert.match(text, /waiting for port 22/);
  screen.tell.say('touch the key');
  const told = text;
  t.mock.timers.tick(1000);
  assert.equal(text, told);
  assert(text.endsWith('\r\x1b[Kportknock: touch the key\n'));
});
