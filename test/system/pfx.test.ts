/** PKCS #12 files as openssl writes them: modern and legacy, whole, wrong and damaged. */
import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import fc from 'fast-check';
import forge from 'node-forge';
import { OperatorError } from '../../src/system/error.js';
import { readPfx, readPfxFile } from '../../src/system/pfx.js';
import { authority, client, Openssl } from './openssl.js';

const openssl = new Openssl({ after });
openssl.certificate('ca', authority);
openssl.certificate('alice', client);
openssl.certificate('bob', client);
openssl.certificate('rsa', { curve: 'rsa' });

function failure(act: () => unknown): OperatorError {
  try {
    act();
  } catch (error) {
    assert(error instanceof OperatorError, String(error));
    return error;
  }
  return assert.fail('it was opened');
}

const der = (name: string) => Uint8Array.from(new X509Certificate(openssl.read(`${name}.pem`)).raw);
const keyOf = (name: string) => createPrivateKey(openssl.read(`${name}.key`));
const unprotected = ['-nomac', '-keypbe', 'NONE', '-certpbe', 'NONE'];

const good: readonly [name: string, password: string, options: readonly string[]][] = [
  ['modern', 'secret', []],
  ['legacy', 'secret', ['-legacy']],
  ['modern, empty password', '', []],
  ['legacy, empty password', '', ['-legacy']],
  ['modern, a password beyond ASCII', 'pä€𝄞', []],
  ['legacy, a password beyond ASCII', 'pä€𝄞', ['-legacy']],
  ['with friendly names', 'secret', ['-name', 'Alice’s', '-certfile', 'ca.pem', '-caname', 'CA']],
  ['3DES', 'secret', ['-keypbe', 'PBE-SHA1-3DES', '-certpbe', 'PBE-SHA1-3DES', '-macalg', 'sha1']],
  ['SHA-512, nothing encrypted', 'secret', ['-macalg', 'sha512', '-keypbe', 'NONE', '-certpbe', 'NONE']],
  ['as many rounds as careful programs take', 'secret', ['-iter', '1500000', '-nomaciter']],
  ['AES-128, SHA-512', 'secret', ['-keypbe', 'AES-128-CBC', '-certpbe', 'AES-128-CBC', '-macalg', 'sha512']],
  ['without a MAC', 'secret', ['-nomac']],
  ['without any protection', 'anything', unprotected],
];

for (const [name, password, options] of good) {
  test(`opened: ${name}`, () => {
    const { key, certificate, authorities } = readPfxFile(
      openssl.pfx('alice', 'good.pfx', password, ...options),
      password,
    );
    assert.deepEqual(certificate, der('alice'));
    assert.deepEqual(authorities, options.includes('-certfile') ? [der('ca')] : []);
    const opened = createPrivateKey({ key: Buffer.from(key), format: 'der', type: 'pkcs8' });
    assert(opened.equals(keyOf('alice')));
  });
}

test('opened: the empty password as no bytes at all, as some programs write it', () => {
  const { pki, pkcs12, asn1 } = forge;
  const [key, certificate] = ['rsa.key', 'rsa.pem'].map(name => openssl.read(name).toString());
  const made = pkcs12.toPkcs12Asn1(pki.privateKeyFromPem(key!), pki.certificateFromPem(certificate!), null, {
    algorithm: '3des',
  });
  const bytes = Buffer.from(asn1.toDer(made).getBytes(), 'binary');
  assert.deepEqual(readPfx(bytes, '').certificate, der('rsa'));
});

test('opened: several certificates, those of others are authorities', () => {
  const all = ['bob', 'alice', 'ca'].map(name => openssl.read(`${name}.pem`));
  writeFileSync(openssl.path('all.pem'), Buffer.concat(all));
  openssl.run('pkcs12', '-export', ...'-inkey alice.key -in all.pem -out all.pfx -passout pass:x'.split(' '));
  const { certificate, authorities } = readPfxFile(openssl.path('all.pfx'), 'x');
  assert.deepEqual(certificate, der('alice'));
  assert.deepEqual(
    new Set(authorities.map(each => Buffer.from(each).toString('hex'))),
    new Set(['bob', 'ca'].map(name => Buffer.from(der(name)).toString('hex'))),
  );
});

test('opened: two certificates of one key, of which the one that is good for longer counts', () => {
  openssl.run(...'x509 -req -in alice.csr -CA ca.pem -CAkey ca.key -days 99 -out renewed.pem'.split(' '));
  for (const order of [
    ['alice', 'renewed'],
    ['renewed', 'alice'],
  ]) {
    writeFileSync(openssl.path('two.pem'), Buffer.concat(order.map(name => openssl.read(`${name}.pem`))));
    openssl.run(
      'pkcs12',
      '-export',
      ...'-inkey alice.key -in two.pem -out two.pfx -passout pass:x'.split(' '),
    );
    assert.deepEqual(readPfxFile(openssl.path('two.pfx'), 'x').certificate, der('renewed'));
  }
});

test('opened: RSA, which is for others to refuse', () => {
  const { key, certificate } = readPfxFile(openssl.pfx('rsa', 'rsa.pfx', 'x'), 'x');
  assert.deepEqual(certificate, der('rsa'));
  assert(createPrivateKey({ key: Buffer.from(key), format: 'der', type: 'pkcs8' }).equals(keyOf('rsa')));
});

for (const [name, password, given, options] of [
  ['modern', 'secret', 'wrong', []],
  ['legacy', 'secret', 'wrong', ['-legacy']],
  ['none given', 'secret', '', []],
  ['one too many', '', 'secret', []],
  ['without a MAC', 'secret', 'wrong', ['-nomac']],
] as const) {
  test(`wrong password: ${name}`, () => {
    const path = openssl.pfx('alice', 'wrong.pfx', password, ...options);
    const { code, message, hint } = failure(() => readPfxFile(path, given));
    assert.deepEqual([code, message], ['wrong-password', `${path}: the password does not open it`]);
    assert.match(hint ?? '', /exported with/);
  });
}

const odd: readonly [name: string, options: string, message: RegExp, hint: RegExp][] = [
  ['no key', '-nokeys -in alice.pem', /holds no private key$/, /one key/],
  ['no certificate', '-nocerts -inkey alice.key', /holds no certificate$/, /its certificate/],
  [
    'an unknown cipher',
    '-inkey alice.key -in alice.pem -keypbe camellia-128-cbc',
    /not supported$/,
    /openssl pkcs12/,
  ],
];

for (const [name, options, message, hint] of odd) {
  test(`refused: ${name}`, () => {
    openssl.run('pkcs12', '-export', ...options.split(' '), '-out', 'odd.pfx', '-passout', 'pass:x');
    const error = failure(() => readPfxFile(openssl.path('odd.pfx'), 'x'));
    assert.equal(error.code, 'bad-pfx');
    assert.match(error.message, message);
    assert.match(error.hint ?? '', hint);
  });
}

/** Puts the parts of unprotected files together: the first's outer shape, the bags of all. */
function merged(...names: readonly string[]): Uint8Array {
  return readJoined(names.map(name => openssl.read(name)));
}

const data = Buffer.from('06092a864886f70d010701', 'hex');

/** The contents of each file's only AuthenticatedSafe. */
function safesOf(file: Buffer): Buffer {
  const outer = file.indexOf(data);
  // [0] and the OCTET STRING, then the SEQUENCE of ContentInfo: each of at most 65535 bytes here.
  let at = outer + data.length;
  for (let depth = 0; depth < 3; depth++) at += headerLength(file, at);
  return file.subarray(at);
}

function headerLength(file: Buffer, at: number): number {
  const length = file[at + 1]!;
  return length < 0x80 ? 2 : 2 + (length & 0x7f);
}

function wrap(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const value = Buffer.concat(parts);
  return Buffer.concat([Buffer.of(tag, 0x82, value.length >> 8, value.length & 0xff), value]);
}

function readJoined(files: readonly Buffer[]): Uint8Array {
  const safe = wrap(0x04, wrap(0x30, ...files.map(safesOf)));
  return wrap(0x30, Buffer.of(2, 1, 3), wrap(0x30, data, wrap(0xa0, safe)));
}

test('refused: two keys; and a key that fits none of the certificates', () => {
  openssl.pfx('alice', 'a.pfx', 'x', ...unprotected);
  openssl.pfx('bob', 'b.pfx', 'x', ...unprotected);
  const nocerts = `pkcs12 -export -nocerts -inkey alice.key -out k.pfx -passout pass:x ${unprotected.join(' ')}`;
  const nokeys = `pkcs12 -export -nokeys -in bob.pem -out c.pfx -passout pass:x ${unprotected.join(' ')}`;
  openssl.run(...nocerts.split(' '));
  openssl.run(...nokeys.split(' '));
  const two = failure(() => readPfx(merged('a.pfx', 'b.pfx'), 'x', { file: 'two.pfx' }));
  assert.deepEqual([two.code, two.file, two.message], ['bad-pfx', 'two.pfx', 'it holds 2 private keys']);
  assert.match(failure(() => readPfx(merged('k.pfx', 'c.pfx'), 'x')).message, /none of its certificates/);
  // The same key twice is one key.
  assert.deepEqual(readPfx(merged('a.pfx', 'a.pfx', 'c.pfx'), 'x').certificate, der('alice'));
});

test('refused: what is no such file', () => {
  const path = openssl.path('alice.pem');
  assert.equal(failure(() => readPfxFile(path, 'x')).message, `${path}: no PKCS #12 file, or a damaged one`);
  assert.match(failure(() => readPfxFile(openssl.path('none'), 'x')).message, /none: no such file$/);
  assert.match(failure(() => readPfxFile('/dev/zero', 'x')).message, /no PKCS #12 file/);
  assert.match(failure(() => readPfx(new Uint8Array(2 ** 20 + 1), 'x')).message, /no PKCS #12 file/);
  assert.match(failure(() => readPfx(new Uint8Array(), 'x')).message, /no PKCS #12 file/);
  // As deep as it goes.
  assert.match(failure(() => readPfx(Buffer.alloc(2 ** 20, '3080', 'hex'), 'x')).message, /no PKCS #12 file/);
});

test('refused: more rounds than anybody waits for', () => {
  const bytes = readPfxBytes('-iter', '65537');
  const rounds = Buffer.from('0203010001', 'hex');
  assert.notEqual(bytes.indexOf(rounds), -1);
  for (let at = bytes.indexOf(rounds); at !== -1; at = bytes.indexOf(rounds))
    bytes.set([0x7f, 0xff, 0xff], at + 2);
  const { code, message, hint } = failure(() => readPfx(bytes, 'secret', {}, 500));
  assert.deepEqual([code, message], ['bad-pfx', 'it takes more than 0.5 s to open']);
  assert.match(hint ?? '', /fewer rounds/);
});

function readPfxBytes(...options: readonly string[]): Buffer {
  openssl.pfx('alice', 'rounds.pfx', 'secret', ...options);
  return openssl.read('rounds.pfx');
}

test('damaged files are opened or refused in bounded time, whatever is wrong with them', () => {
  const protectedBytes = readPfxBytes();
  const bare = readPfxBytes(...unprotected);
  const mutation = fc.record({
    file: fc.constantFrom(protectedBytes, bare, bare, bare),
    changes: fc.array(fc.tuple(fc.nat(2000), fc.integer({ min: 0, max: 255 })), { maxLength: 3 }),
    length: fc.option(fc.nat(2000), { freq: 4 }),
  });
  const open = ({
    file,
    changes,
    length,
  }: {
    file: Buffer;
    changes: [number, number][];
    length: number | null;
  }) => {
    const bytes = Uint8Array.from(length === null ? file : file.subarray(0, length));
    for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
    try {
      const { certificate } = readPfx(bytes, 'secret', {}, 2000);
      assert(certificate.length > 0);
    } catch (error) {
      assert(error instanceof OperatorError, String(error));
    }
  };
  fc.assert(fc.property(mutation, open), { numRuns: 60 });
});
