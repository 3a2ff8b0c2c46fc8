/** Profiles: what is written can be read, every mistake is named, and no secret is ever shown. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { highestBasePort as highest } from '../../src/methods/port-sequence/spelling.js';
import { OperatorErrors } from '../../src/system/error.js';
import { formatProfile, isProfileName, type Profile, parseProfile } from '../../src/system/profile.js';

const key = 'ab'.repeat(32);

const sealed = {
  portknock: 1,
  name: 'home',
  host: 'home.example.org',
  method: 'port-sequence',
  base_port: 40000,
  client_id: 7,
  site_key: '12'.repeat(32),
  key,
  address: 'auto',
  doors: { ssh: { command: 1, services: ['tcp/22'], single_use: false } },
};

const { client_id: _id, site_key: _site, key: _key, address: _address, ...shared } = sealed;
const classic = { ...shared, classic_passphrase: 'open sesame' };

const plainSequence = {
  portknock: 1,
  name: 'old',
  host: 'home.example.org',
  method: 'plain-sequence',
  doors: {
    ssh: { sequence: ['7000/tcp', '8000/udp'], services: ['tcp/22'], single_use: true },
    web: { one_time_sequences: 'web.lines' },
  },
};
const sequenceOf = (...sequence: unknown[]) => ({ ...plainSequence, doors: { ssh: { sequence } } });

function mistakes(document: unknown): string[] {
  try {
    parseProfile(typeof document === 'string' ? document : JSON.stringify(document), { file: 'p' });
  } catch (error) {
    assert(error instanceof OperatorErrors);
    return error.errors.map(({ message, hint }) => (hint === undefined ? message : `${message} (${hint})`));
  }
  return [];
}

test('good ones', () => {
  const { host: _host, ...nowhere } = sealed;
  const { single_use: _single, services: _services, ...bare } = sealed.doors.ssh;
  const good = [
    sealed,
    classic,
    nowhere,
    { ...sealed, doors: { run: bare } },
    { ...sealed, address: '2001:db8::1' },
    { ...classic, doors: { x: { command: 0xffffffff } } },
    { ...sealed, base_port: highest.ordered },
    { ...sealed, base_port: highest.spread, spelling: 'spread' },
    { ...classic, spelling: 'spread' },
    plainSequence,
    sequenceOf(...Array.from({ length: 32 }, () => '65535/udp')),
  ];
  for (const document of good) assert.deepEqual(mistakes(document), []);
});

const refused: readonly [document: unknown, ...expected: RegExp[]][] = [
  ['', /^not a profile/],
  ['[]', /^not a profile/],
  ['null', /^not a profile/],
  [`{"key": "${key}",}`, /^not a profile: expected one JSON object$/],
  [{ ...sealed, portknock: 2 }, /"portknock" expected 1.*newer portknock/],
  [
    { ...sealed, method: 'toString' },
    /"method" expected "port-sequence", "plain-sequence", "sequence-number", "datagram" or "challenge"$/,
  ],
  [{ ...sealed, name: 'import' }, /^"name" expected a name.*got "import"/],
  [{ ...sealed, name: '../x' }, /^"name" expected a name/],
  [{ ...sealed, host: 'a b' }, /^"host" expected/],
  [{ ...sealed, base_port: highest.ordered + 1 }, /^"base_port" expected integer 1 to 65280, got 65281$/],
  [
    { ...sealed, base_port: highest.spread + 1, spelling: 'spread' },
    /^"base_port" expected integer 1 to 61440 where "spelling" is "spread", got 61441$/,
  ],
  [{ ...sealed, spelling: 'Spread' }, /^"spelling" expected "ordered" or "spread", got "Spread"$/],
  [{ ...sealed, base_port: 0 }, /^"base_port" expected integer/],
  [{ ...sealed, client_id: 1.5 }, /^"client_id" expected integer 0 to 65535, got 1.5$/],
  [{ ...sealed, client_id: undefined }, /^"client_id" is missing$/],
  [{ ...sealed, key: key.slice(1) }, /^"key" expected 64 hexadecimal digits$/],
  [{ ...sealed, key: `${key}\n` }, /^"key" expected 64 hexadecimal digits$/],
  [{ ...sealed, address: 'fe80::1%eth0' }, /^"address" expected/],
  [{ ...sealed, clientid: 7 }, /^unknown key "clientid" \(did you mean "client_id"\?\)$/],
  [{ ...sealed, doors: {} }, /^"doors" expected at least one door/],
  [{ ...sealed, doors: { '': { command: 1 } } }, /^"doors\." expected a name/],
  [
    { ...sealed, doors: { ssh: { command: 256 } } },
    /^"doors.ssh.command" expected integer 0 to 255, got 256$/,
  ],
  [
    { ...sealed, doors: { ssh: { command: 1, services: ['tcp/0'] } } },
    /^"doors.ssh.services.0" expected a service/,
  ],
  [
    { ...sealed, doors: { ssh: { comand: 1 } } },
    /"doors.ssh.command" is missing/,
    /unknown key.*mean "command"/,
  ],
  [{ ...classic, key }, /^unknown key "key"/],
  [{ ...classic, classic_passphrase: 'two\nlines' }, /^"classic_passphrase" expected one line$/],
  [{ ...sealed, name: 'sequence' }, /^"name" expected a name.*got "sequence"/],
  [sequenceOf(), /^"doors.ssh.sequence" expected a list of 1 to 32 ports$/],
  [
    sequenceOf(...Array.from({ length: 33 }, () => '1/tcp')),
    /^"doors.ssh.sequence" expected a list of 1 to 32/,
  ],
  [sequenceOf('7000', '0/tcp'), /^"doors.ssh.sequence.0" expected a port such as/, /sequence.1" expected/],
  [sequenceOf('65536/tcp'), /^"doors.ssh.sequence.0" expected a port such as "7000\/tcp" or "8000\/udp"$/],
  [{ ...plainSequence, doors: { a: {} } }, /^"doors.a" expected "sequence" or "one_time_sequences", one/],
  [
    { ...plainSequence, doors: { a: { sequence: ['1/tcp'], one_time_sequences: 'x' } } },
    /^"doors.a" expected "sequence" or "one_time_sequences", one of the two$/,
  ],
  [{ ...plainSequence, doors: { a: { sequences: ['1/tcp'] } } }, /^unknown key.*did you mean "sequence"/],
  [{ ...plainSequence, base_port: 7 }, /^unknown key "base_port"/],
  [{ ...sealed, base_port: '1', site_key: 5, address: '' }, /^"base_port"/, /^"site_key"/, /^"address"/],
];

for (const [document, ...expected] of refused) {
  test(`refused: ${expected[0]}`, () => {
    const found = mistakes(document);
    assert.equal(found.length, expected.length, found.join('\n'));
    for (const [index, pattern] of expected.entries()) assert.match(found[index]!, pattern);
    for (const message of found) assert(!message.includes(key.slice(0, 8)), message);
  });
}

test('a key in the wrong place is not shown', () => {
  for (const name of ['client_id', 'host', 'address', 'name', 'base_port', 'doors']) {
    for (const message of mistakes({ ...sealed, [name]: [key] }))
      assert(!message.includes(key.slice(0, 8)), message);
  }
});

const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 });
const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/).filter(isProfileName);
// As JSON.parse makes them.
const plain = { noNullPrototype: true };
const door = fc.record(
  {
    command: fc.integer({ min: 0, max: 255 }),
    services: fc.array(
      fc.integer({ min: 1, max: 65535 }).map(port => `udp/${port}`),
      { maxLength: 3 },
    ),
    singleUse: fc.boolean(),
  },
  plain,
);
const identity = fc.oneof(
  fc.record(
    {
      clientId: fc.integer({ min: 0, max: 65535 }),
      siteKey: bytes,
      key: bytes,
      address: fc.constantFrom('auto', 'local', 'none', '192.0.2.1', '2001:db8::1'),
    },
    plain,
  ),
  fc.record(
    {
      classicPassphrase: fc.string({ minLength: 1, unit: 'grapheme' }).filter(text => !/[\r\n]/.test(text)),
    },
    plain,
  ),
);

test('what is written is read', () => {
  const profile: fc.Arbitrary<Profile> = fc.record(
    {
      name,
      host: fc.option(fc.domain(), { nil: undefined }),
      method: fc.constant('port-sequence'),
      basePort: fc.integer({ min: 1, max: highest.spread }),
      spelling: fc.constantFrom('ordered' as const, 'spread' as const),
      identity,
      doors: fc.array(fc.tuple(name, door), { minLength: 1, maxLength: 4 }).map(doors => new Map(doors)),
    },
    plain,
  );
  fc.assert(fc.property(profile, profile => assert.deepEqual(parseProfile(formatProfile(profile)), profile)));
  const access = { services: ['tcp/22'], singleUse: true };
  const doors = new Map([
    ['a', { sequence: ['7000/tcp', '8000/udp'], oneTimeSequences: undefined, ...access }],
    ['b', { sequence: undefined, oneTimeSequences: 'lines', ...access }],
  ]);
  const old: Profile = { name: 'old', host: undefined, method: 'plain-sequence', doors };
  assert.deepEqual(parseProfile(formatProfile(old)), old);
});
