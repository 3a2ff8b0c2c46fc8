/** `portknockd init`: what it writes works, and where it cannot, nothing is left over. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type InitRequest, init } from '../../src/daemon/init.js';
import { readConfig } from '../../src/daemon/settings.js';
import { guardedServices } from '../../src/daemon/table.js';
import { OperatorError, OperatorErrors } from '../../src/system/error.js';
import { temporaryFolder, writeFile } from './folder.js';

const request = (directory: string, changes: Partial<InitRequest> = {}): InitRequest => ({
  directory,
  doors: ['ssh=tcp/22'],
  user: 'portknock',
  basePort: undefined,
  spelling: 'ordered',
  sequenceNumber: false,
  challenge: undefined,
  alwaysAllow: [],
  ...changes,
});

test('what it writes is a configuration', t => {
  const directory = join(temporaryFolder(t), 'etc', 'portknock');
  const file = init(
    request(directory, {
      doors: ['ssh=tcp/22', 'web=tcp/80,udp/443'],
      user: 'nobody',
      basePort: 65_280,
      alwaysAllow: ['192.0.2.77/24', '2001:db8::1'],
    }),
  );
  assert.equal(file, join(directory, 'portknockd.toml'));
  assert.deepEqual(readdirSync(directory).sort(), ['portknockd.toml', 'site.key']);
  assert.equal(statSync(join(directory, 'site.key')).mode & 0o777, 0o600);
  const config = readConfig(file);
  assert.equal(config.user, 'nobody');
  assert.equal(config.portSequence?.basePort, 65_280);
  assert.deepEqual(
    config.alwaysAllow.map(({ text }) => text),
    ['192.0.2.0/24', '2001:db8::1/128'],
  );
  assert.deepEqual(
    config.doors.map(({ name, command }) => [name, command]),
    [
      ['ssh', 1],
      ['web', 2],
    ],
  );
  assert.deepEqual(guardedServices(config), ['tcp/22', 'tcp/80', 'udp/443']);
  assert.deepEqual(config.warnings, []);
});

test('keys and windows are chosen by chance, clear of the services', t => {
  const folder = temporaryFolder(t);
  // Every second window is taken.
  const ports = Array.from({ length: 44 }, (_, index) => `tcp/${10_255 + index * 512}`);
  const all = Array.from({ length: 12 }, (_, index) =>
    readConfig(init(request(join(folder, String(index)), { doors: [`many=${ports.join(',')}`] }))),
  );
  // Of some 11,000 windows two may be the same: once in 170 runs. Three times over, never.
  assert.ok(new Set(all.map(({ portSequence }) => portSequence?.basePort)).size >= 10);
  assert.equal(
    new Set(all.map(({ portSequence }) => Buffer.from(portSequence!.siteKey!).toString('hex'))).size,
    12,
  );
  for (const { portSequence } of all) {
    assert.ok(portSequence!.basePort >= 10_000 && portSequence!.basePort + 255 <= 32_767);
  }
});

for (const name of ['portknockd.toml', 'site.key']) {
  test(`a ${name} that is there is left as it is, and nothing beside it`, t => {
    const directory = temporaryFolder(t);
    writeFile(directory, name, 'mine');
    assert.throws(
      () => init(request(directory)),
      (error: unknown) =>
        error instanceof OperatorError &&
        error.code === 'exists' &&
        error.message === `${directory}/${name}: is there already`,
    );
    assert.deepEqual(readdirSync(directory), [name]);
    assert.equal(readFileSync(join(directory, name), 'utf8'), 'mine');
  });
}

/** What is asked for and cannot be. */
const refused: readonly [string, Partial<InitRequest>, RegExp][] = [
  ['a door without a service', { doors: ['ssh'] }, /^--door expected something like ssh=tcp\/22, got "ssh"$/],
  ['a door without a name', { doors: ['=tcp/22'] }, /^--door expected/],
  ['a door of one bad service', { doors: ['a=tcp/22,tcp/0'] }, /^--door expected/],
  ['a door with a quote', { doors: ['a"b=tcp/22'] }, /^--door expected/],
  ['an empty door', { doors: [''] }, /^--door expected/],
  ['two doors of one name', { doors: ['a=tcp/22', 'a=tcp/23'] }, /name "a" is taken already/],
  [
    'a network that is none',
    { alwaysAllow: ['home'] },
    /^--always-allow expected an address or a network, got "home"$/,
  ],
  ['a window that does not fit', { basePort: 65_281 }, /^--base-port expected 1 to 65280, got 65281$/],
  [
    'a spread window that does not fit',
    { basePort: 61_441, spelling: 'spread' },
    /^--base-port expected 1 to 61440, got 61441$/,
  ],
  [
    'services that leave no window',
    {
      spelling: 'spread',
      doors: [`many=${Array.from({ length: 6 }, (_, index) => `tcp/${11_000 + index * 4096}`).join(',')}`],
    },
    /^the services leave no 4096 ports in a row between 10000 and 32767$/,
  ],
  ['a window over a service', { basePort: 1 }, /tcp\/22 lies in the window of ports 1 to 256/],
  ['a user who is none', { user: 'a b' }, /user: expected the name of a user, got "a b"$/],
];

for (const [what, changes, message] of refused) {
  test(`refused, with nothing left over: ${what}`, t => {
    const directory = temporaryFolder(t);
    assert.throws(
      () => init(request(directory, changes)),
      (error: unknown) =>
        (error instanceof OperatorError || error instanceof OperatorErrors) && message.test(error.message),
    );
    assert.deepEqual(readdirSync(directory), []);
  });
}

test('a folder that cannot be made is said as such', t => {
  const file = writeFile(temporaryFolder(t), 'file', '');
  assert.throws(
    () => init(request(join(file, 'x'))),
    (error: unknown) => error instanceof OperatorError && error.code === 'no-directory',
  );
  writeFileSync(file, '');
  assert.ok(existsSync(file));
});

test('for sequence numbers there is no window, no site key, and clients get psks', t => {
  const directory = temporaryFolder(t);
  const file = init(request(directory, { sequenceNumber: true, spelling: undefined }));
  assert.deepEqual(readdirSync(directory), ['portknockd.toml']);
  const { portSequence, doors, warnings } = readConfig(file);
  assert.equal(portSequence, undefined);
  assert.deepEqual(
    doors.map(door => [door.name, door.command, door.kind === 'services' && door.sequenceNumber]),
    [['ssh', undefined, true]],
  );
  assert.deepEqual(warnings, []);
});

for (const [stray, changes] of [
  ['--spelling', {}],
  ['--base-port', { spelling: undefined, basePort: 40_000 }],
] as const) {
  test(`${stray} has no meaning for sequence numbers`, t => {
    const directory = temporaryFolder(t);
    assert.throws(
      () => init(request(directory, { sequenceNumber: true, ...changes })),
      (error: unknown) =>
        error instanceof OperatorError && error.message.startsWith(`${stray} has no meaning`),
    );
    assert.deepEqual(readdirSync(directory), []);
  });
}

test('UDP has no sequence numbers: nothing is left over', t => {
  const directory = temporaryFolder(t);
  const doors = ['ssh=tcp/22,udp/60000'];
  assert.throws(
    () => init(request(directory, { sequenceNumber: true, spelling: undefined, doors })),
    OperatorErrors,
  );
  assert.deepEqual(readdirSync(directory), []);
});

test('where no folder can be made it says so, and ends', () => {
  // A folder that is there and in which there is no such thing as what is wanted.
  const directory = '/proc/none/portknock';
  assert.throws(
    () => init(request(directory)),
    (error: unknown) => error instanceof OperatorError && /cannot be made/.test(error.message),
  );
});
