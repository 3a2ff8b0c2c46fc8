/** Profiles of datagrams: what is written can be read, every mistake is named, and the key is never shown. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import fc from 'fast-check';
import type { DatagramProfile } from '../../src/system/datagramprofile.js';
import { OperatorErrors } from '../../src/system/error.js';
import { formatProfile, parseProfile } from '../../src/system/profile.js';
import { authority, client, Openssl, server } from './openssl.js';

const openssl = new Openssl({ after });
openssl.certificate('ca', authority);
openssl.certificate('alice', client);
openssl.certificate('server', server);
openssl.run('ec', '-in', 'alice.key', '-aes128', '-passout', 'pass:x', '-out', 'sealed.key');
const pem = (name: string) => openssl.read(name).toString();
const key = pem('alice.key');
const minimal = {
  portknock: 1,
  name: 'work',
  method: 'datagram',
  certificate: pem('alice.pem'),
  key,
  server_certificate: pem('server.pem'),
  doors: { web: { services: ['tcp/2000'] } },
};

function mistakes(text: string): string[] {
  try {
    parseProfile(text);
  } catch (error) {
    assert(error instanceof OperatorErrors, String(error));
    return error.errors.map(({ message, hint }) => (hint === undefined ? message : `${message} (${hint})`));
  }
  return [];
}

test('what need not be said', () => {
  assert.deepEqual(parseProfile(JSON.stringify(minimal)), {
    ...{ name: 'work', host: undefined, method: 'datagram', certificate: minimal.certificate, key },
    ...{ serverCertificate: minimal.server_certificate, knockPort: undefined, address: 'auto' },
    doors: new Map([['web', { services: ['tcp/2000'], singleUse: false }]]),
  });
});

const refused: readonly [changes: object, ...expected: RegExp[]][] = [
  [{ key: undefined }, /^"key" is missing$/],
  [{ key: `${key.slice(0, 60)}\n` }, /^"key" expected a private key in PEM, without a password$/],
  [{ key: 'a short secret' }, /^"key" expected a private key in PEM, without a password$/],
  [{ key: pem('sealed.key') }, /^"key" expected a private key in PEM, without a password$/],
  [{ key: pem('alice.pem') }, /^"key" expected a private key in PEM/],
  [{ certificate: key }, /^"certificate" expected a certificate in PEM$/],
  [{ certificate: '' }, /^"certificate" expected a certificate in PEM, got ""$/],
  [{ server_certificate: 7 }, /^"server_certificate" expected a certificate in PEM, got 7$/],
  [{ knock_port: 0 }, /^"knock_port" expected integer 1 to 65535, got 0$/],
  [{ address: 'none' }, /^"address" expected "auto", "local" or an address, got "none"$/],
  [{ address: 'fe80::1%eth0' }, /^"address" expected/],
  [{ doors: {} }, /^"doors" expected at least one door/],
  [{ doors: { web: {}, ssh: { services: [] } } }, /^"doors.web.services" .*one/, /^"doors.ssh.services"/],
  [{ doors: { web: { services: ['2000'] } } }, /^"doors.web.services.0" expected a service/],
  [{ knockport: 7 }, /^unknown key "knockport" \(did you mean "knock_port"\?\)$/],
  [
    { doors: { web: { services: ['tcp/1', 'udp/1', 'tcp/1'] } } },
    /^"doors\.web\.services" expected each .* got "tcp\/1" again/,
  ],
  [
    { doors: { web: { services: Array.from({ length: 33 }, (_, at) => `tcp/${at + 1}`) } } },
    /^"doors\.web\.services" expected at most 32 of them, got 33/,
  ],
  [{ name: 'datagram' }, /^"name" expected a name/],
  [{ name: 'ca' }, /^"name" expected a name/],
  [{ method: 'datagramm' }, /^"method" expected .*"datagram" or "challenge"$/],
];

for (const [changes, ...expected] of refused) {
  test(`refused: ${expected[0]}`, () => {
    const found = mistakes(JSON.stringify({ ...minimal, ...changes }));
    assert.equal(found.length, expected.length, found.join('\n'));
    for (const [index, pattern] of expected.entries()) assert.match(found[index]!, pattern);
    assert(!found.join('\n').includes(key.slice(60, 90)));
  });
}

test('what is written is read as it was', () => {
  const services = fc.uniqueArray(
    fc
      .tuple(fc.constantFrom('tcp', 'udp'), fc.integer({ min: 1, max: 65535 }))
      .map(([protocol, port]) => `${protocol}/${port}`),
    { minLength: 1, maxLength: 4 },
  );
  const profiles: fc.Arbitrary<DatagramProfile> = fc.record(
    {
      name: fc.constantFrom('work', 'a.b-c_d'),
      host: fc.constantFrom(undefined, 'example.org', '2001:db8::1'),
      method: fc.constant('datagram' as const),
      certificate: fc.constant(minimal.certificate),
      key: fc.constant(key),
      serverCertificate: fc.constant(minimal.server_certificate),
      knockPort: fc.option(fc.integer({ min: 1, max: 65535 }), { nil: undefined }),
      address: fc.constantFrom('auto', 'local', '192.0.2.1', '2001:db8::1'),
      doors: fc
        .dictionary(
          fc.constantFrom('web', 'ssh', 'a-b'),
          fc.record({ services, singleUse: fc.boolean() }, { noNullPrototype: true }),
          {
            minKeys: 1,
            noNullPrototype: true,
          },
        )
        .map(doors => new Map(Object.entries(doors))),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(profiles, profile => {
      assert.deepEqual(parseProfile(formatProfile(profile)), profile);
    }),
    { numRuns: 50 },
  );
});

test('damaged text is read or refused, and the key is never shown', () => {
  const whole = JSON.stringify(minimal);
  const change = fc.tuple(fc.nat(whole.length - 1), fc.string({ maxLength: 3 }), fc.nat(8));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), changes => {
      let text = whole;
      for (const [at, put, gone] of changes) text = text.slice(0, at) + put + text.slice(at + gone);
      const found = mistakes(text).join('\n');
      assert(!found.includes(key.slice(60, 90)), found);
    }),
    { numRuns: 500 },
  );
});
