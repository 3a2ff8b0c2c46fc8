/** The files of secrets that a configuration names: who may read them, and what may stand in them. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { folderWithKeys, writeFile } from './folder.js';
import { classicClient, mistakesIn, read, smallText } from './reading.js';

test('the keys of a key file may be spelled in either case, with any end of line', t => {
  const folder = folderWithKeys(t);
  for (const text of ['AB'.repeat(32), `${'ab'.repeat(32)}\n`, `${'aB'.repeat(32)}\r\n`]) {
    writeFile(folder, 'site.key', text);
    assert.deepEqual(read(t, smallText, folder).portSequence?.siteKey, Buffer.alloc(32, 0xab));
  }
});

test('a passphrase is a line without its end, in UTF-8', t => {
  const folder = folderWithKeys(t);
  for (const [text, passphrase] of [
    ['öplj2g', 'öplj2g'],
    [' two words \n', ' two words '],
    ['x\r\n', 'x'],
  ] as const) {
    writeFile(folder, 'old.pass', text);
    const [, client] = read(t, smallText + classicClient, folder).clients;
    assert.deepEqual(client, { kind: 'classic', name: 'old', doors: ['ssh'], revoked: false, passphrase });
  }
});

/** What may be wrong with the files of secrets: line 3 names the site's key, 11 the laptop's, 15 the passphrase. */
const secrets: readonly [string, (folder: string) => void, readonly string[]][] = [
  ['no site key', folder => rmSync(join(folder, 'site.key')), ['3: site.key: no such file']],
  ['no client key', folder => rmSync(join(folder, 'laptop.key')), ['11: laptop.key: no such file']],
  ['no passphrase', folder => rmSync(join(folder, 'old.pass')), ['15: old.pass: no such file']],
  ...[0o644, 0o640, 0o604, 0o620, 0o601].map((mode): [string, (folder: string) => void, string[]] => [
    `keys of mode 0${mode.toString(8)}`,
    folder => {
      for (const name of ['site.key', 'laptop.key', 'old.pass']) chmodSync(join(folder, name), mode);
    },
    ['3: site.key', '11: laptop.key', '15: old.pass'].map(
      name =>
        `${name}: others than its owner may use this secret (mode 0${mode.toString(8)}) (chmod 600 ${name.split(' ')[1]})`,
    ),
  ]),
  [
    'keys that are folders',
    folder => {
      rmSync(join(folder, 'site.key'));
      mkdirSync(join(folder, 'site.key'), { mode: 0o700 });
    },
    ['3: site.key: not a file with a secret'],
  ],
  [
    'a key that never ends',
    folder => {
      rmSync(join(folder, 'site.key'));
      symlinkSync('/dev/zero', join(folder, 'site.key'));
    },
    ['3: site.key: not a file with a secret'],
  ],
  ...[
    '',
    '\n',
    '00',
    'g'.repeat(64),
    '0'.repeat(63),
    '0'.repeat(65),
    `${'0'.repeat(64)}\n\n`,
    ` ${'0'.repeat(64)}`,
  ].map((text): [string, (folder: string) => void, string[]] => [
    `the key ${JSON.stringify(text.slice(0, 5))} of ${text.length} characters`,
    folder => void writeFile(folder, 'laptop.key', text),
    [
      '11: laptop.key: expected one line of 64 hexadecimal digits (make a new one with: openssl rand -hex 32)',
    ],
  ]),
  [
    'a key in a long file',
    folder => void writeFile(folder, 'laptop.key', 'x'.repeat(4097)),
    ['11: laptop.key: not a file with a secret'],
  ],
  ...['', '\n', 'two\nlines', 'one\n\n', '\r\n'].map((text): [string, (folder: string) => void, string[]] => [
    `the passphrase ${JSON.stringify(text)}`,
    folder => void writeFile(folder, 'old.pass', text),
    ['15: old.pass: expected one line with the passphrase'],
  ]),
];

for (const [name, spoil, expected] of secrets) {
  test(`a configuration with ${name}`, t => {
    const folder = folderWithKeys(t);
    spoil(folder);
    assert.deepEqual(mistakesIn(t, smallText + classicClient, folder), expected);
  });
}

test('no mistake shows a secret', t => {
  const folder = folderWithKeys(t);
  writeFile(folder, 'laptop.key', `${'5ecre7'.repeat(11)}\n`);
  writeFile(folder, 'old.pass', '5ecre7\n5ecre7\n');
  const said = mistakesIn(t, smallText + classicClient, folder);
  assert.equal(said.length, 2);
  assert.doesNotMatch(said.join(), /5ecre7/);
});
