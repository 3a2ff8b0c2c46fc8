/** Certificates and keys as they come: damaged ones are refused with a reason, and never stop the client. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { flawsOf, readCredentials } from '../../src/client/credentials.js';
import { KnockError } from '../../src/client/failure.js';
import { authority, client, Openssl, server } from '../system/openssl.js';

const openssl = new Openssl({ after });
openssl.certificate('ca', authority);
openssl.certificate('alice', { ...client, ownRights: ['tcp/8000-8100', 'door/web'] });
openssl.certificate('server', server);
const certificate = new X509Certificate(openssl.read('alice.pem')).raw;
const serverCertificate = new X509Certificate(openssl.read('server.pem')).raw;
const key = openssl.read('alice.key').toString();
const damage = fc.record({
  changes: fc.array(fc.tuple(fc.nat(certificate.length - 1), fc.integer({ min: 0, max: 255 })), {
    maxLength: 3,
  }),
  length: fc.option(fc.nat(certificate.length), { freq: 6 }),
});

for (const role of ['certificate', 'serverCertificate'] as const) {
  test(`a damaged ${role}`, () => {
    const whole = { certificate, serverCertificate };
    let read = 0;
    fc.assert(
      fc.property(damage, ({ changes, length }) => {
        const bytes = Uint8Array.from(whole[role].subarray(0, length ?? undefined));
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        try {
          const credentials = readCredentials({ ...whole, key, [role]: bytes });
          for (const { message } of flawsOf(credentials, ['tcp/1'], Date.now()))
            assert.match(message, /^[ -~’]+$/);
          read += 1;
        } catch (error) {
          assert(error instanceof KnockError && error.code === 'certificate', String(error));
        }
      }),
      { numRuns: 3000 },
    );
    assert(read > 100);
  });
}

test('an authority’s certificate in the place of the server’s', () => {
  const flaws = (file: string) =>
    flawsOf(
      readCredentials({ certificate, key, serverCertificate: openssl.read(file) }),
      ['tcp/1'],
      Date.now(),
    );
  const said = 'the server’s certificate is that of an authority, whose key no server should have';
  const [flaw] = flaws('ca.pem').filter(({ isFatal }) => !isFatal);
  assert.equal(flaw?.message, said);
  assert(flaws('server.pem').every(({ message }) => message !== said));
});

test('a damaged key', () => {
  const change = fc.tuple(fc.nat(key.length - 1), fc.constantFrom('A', '/', '=', '\n', '-', 'é'));
  fc.assert(
    fc.property(change, ([at, put]) => {
      try {
        readCredentials({ certificate, serverCertificate, key: key.slice(0, at) + put + key.slice(at + 1) });
      } catch (error) {
        assert(error instanceof KnockError && error.code === 'certificate', String(error));
      }
    }),
    { numRuns: 300 },
  );
});
