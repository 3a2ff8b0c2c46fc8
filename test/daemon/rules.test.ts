/** [firewall] and the rules of the administrator's own: what is taken, and what is refused with which words. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { deletionsFor } from '../../src/daemon/leftovers.js';
import { nftFailed } from '../../src/daemon/nfterror.js';
import { reservedNames, setsConsumedBy, setsNamedIn } from '../../src/daemon/rules.js';
import { tableText } from '../../src/daemon/table.js';
import { folder as datagramFolder, section, ssh } from './datagramconfig.js';
import { folderWithKeys, writeFile } from './folder.js';
import { mistakesIn, read, smallText } from './reading.js';

/** A folder with keys and files of rules. */
function folderWith(t: TestContext, rules: Readonly<Record<string, string>>): string {
  const folder = folderWithKeys(t);
  mkdirSync(join(folder, 'rules.d'));
  for (const [name, text] of Object.entries(rules)) writeFile(join(folder, 'rules.d'), name, text);
  return folder;
}

test('every *.nft of the folder is read, in the order of names, and nothing else', t => {
  const folder = folderWith(t, { '20.nft': 'b', '10.nft': 'a', '.30.nft': '}', 'x.nft~': '}', README: '}' });
  const { backend, rules } = read(t, smallText, folder).firewall;
  assert.equal(backend, 'nftables');
  assert.deepEqual(
    rules.map(({ path, text }) => [path.slice(folder.length), text]),
    [
      ['/rules.d/10.nft', 'a'],
      ['/rules.d/20.nft', 'b'],
    ],
  );
});

for (const [what, text] of [
  ['comments and quoted texts', '# } } @client_nobody\nchain x { log prefix "} @client_nobody # {" }\n'],
  ['maps and sets of their own', 'map m { type inet_service : verdict; elements = { 22 : jump x } }\n'],
  [
    'both sets of a door and of a client',
    'chain x { ip saddr @door_ssh accept; ip6 saddr @client6_laptop accept; }',
  ],
  ['payloads', 'chain x { @th,160,16 0x1 accept }'],
] as const) {
  test(`taken: ${what}`, t => {
    assert.deepEqual(mistakesIn(t, smallText, folderWith(t, { 'x.nft': text })), []);
  });
}

test('a client of which something else is wrong has its sets', t => {
  const folder = folderWith(t, { 'x.nft': 'chain x { ip saddr @client_john accept; }' });
  const john = '[[client]]\nname = "john"\nid = 70000\nkey_file = "laptop.key"\ndoors = ["ssh"]\n';
  const found = mistakesIn(t, `${smallText}\n${john}`, folder);
  assert.equal(found.length, 1);
  assert.match(found[0]!, /id: expected an integer/);
});

for (const [text, mistake] of [
  ['chain x { }\n}\n', 'rules.d/x.nft:2: a brace is closed that was not opened'],
  ['chain x {\n } }\nchain y { {', 'rules.d/x.nft:2: a brace is closed that was not opened'],
  ['\nchain x {\n  ip saddr { 1.2.3.4 } accept\n', 'rules.d/x.nft:2: a brace is opened and never closed'],
  ['chain x {\n log prefix "abc\n }\n', 'rules.d/x.nft:2: a quoted text does not end'],
  ['chain guard { accept; }', 'rules.d/x.nft:1: "guard" is a name of portknockd\'s own (choose another)'],
  ['chain \\\n door {\n}', 'rules.d/x.nft:2: "door" is a name of portknockd\'s own (choose another)'],
  ['chain door\\\n {\n}', 'rules.d/x.nft:1: "door" is a name of portknockd\'s own (choose another)'],
  ['include\\\n "x"', 'rules.d/x.nft:1: "include" has no place here (put that file into this folder)'],
  [
    'chain x {\n ip saddr @ client_laptpo accept\n}',
    'rules.d/x.nft:2: there is no set "@client_laptpo": no door or client is called so (did you mean "@client_laptop"?)',
  ],
  [
    'set open4 { type ipv4_addr; }',
    'rules.d/x.nft:1: "open4" is a name of portknockd\'s own (choose another)',
  ],
  [
    'set client_x { type ipv4_addr; }',
    'rules.d/x.nft:1: "client_x" is a name of portknockd\'s own (choose another)',
  ],
  ['include "/etc/x"', 'rules.d/x.nft:1: "include" has no place here (put that file into this folder)'],
  [
    'chain x {\n ip saddr @client_laptpo accept\n}',
    'rules.d/x.nft:2: there is no set "@client_laptpo": no door or client is called so (did you mean "@client_laptop"?)',
  ],
  [
    'chain x { delete @door6_web { ip6 saddr } }',
    'rules.d/x.nft:1: there is no set "@door6_web": no door or client is called so (did you mean "@door6_ssh"?)',
  ],
] as const) {
  test(`refused: ${mistake}`, t => {
    assert.deepEqual(mistakesIn(t, smallText, folderWith(t, { 'x.nft': text })), [mistake]);
  });
}

test('a file as Windows writes it is taken, one with a zero byte is not', t => {
  const { rules } = read(t, smallText, folderWith(t, { 'x.nft': '\uFEFFchain x {\r\n}\r\n' })).firewall;
  assert.deepEqual(
    rules.map(({ text }) => text),
    ['chain x {\n}\n'],
  );
  assert.match(
    mistakesIn(t, smallText, folderWith(t, { 'x.nft': 'chain x { }\n\0' })).join(),
    /x\.nft: holds a zero byte, so it is no text/,
  );
});

test('what is no file is refused, and not read', t => {
  const folder = folderWith(t, {});
  mkdirSync(join(folder, 'rules.d', 'x.nft'));
  execFileSync('mkfifo', [join(folder, 'rules.d', 'a.nft')]);
  assert.match(mistakesIn(t, smallText, folder).join(), /rules\.d\/a\.nft: is no file/);
});

test('a folder that is named must be there', t => {
  assert.deepEqual(mistakesIn(t, `[firewall]\nrules = "mine"\n${smallText}`), [
    '2: firewall.rules: mine: no such folder',
  ]);
  assert.deepEqual(mistakesIn(t, smallText), []);
});

const secondDoor = (name: string) => `[[door]]\nname = "${name}"\ncommand = 2\nservices = ["tcp/23"]\n`;

test('two names that become one set are refused', t => {
  assert.deepEqual(mistakesIn(t, `${smallText}${secondDoor('a-b')}${secondDoor('a_b').replace('2', '3')}`), [
    '18: door "a_b": its set "door_a_b" is that of door "a-b" (a set has "_" for "-": choose another name)',
  ]);
});

test('with ipset names are short, and what needs the table is refused', t => {
  const ipset = '[firewall]\nbackend = "ipset"\n';
  assert.deepEqual(mistakesIn(t, ipset + smallText), []);
  const long = 'x'.repeat(26);
  assert.deepEqual(mistakesIn(t, ipset + smallText + secondDoor(long)), [
    `16: door "${long}": the name of its set "door6_${long}" has 32 characters, and ipset has room for 31 (choose a name of at most 25 characters)`,
  ]);
  const numbered = '[[door]]\nname = "git"\nsequence_number = true\nservices = ["tcp/9418"]\n';
  assert.match(
    mistakesIn(t, ipset + smallText + numbered).join(),
    /17: door "git": sequence numbers need our table/,
  );
  const folder = datagramFolder(t);
  assert.match(mistakesIn(t, ipset + section(''), folder).join(), /\[datagram\]: it needs our table/);
  const guard = '[guard]\nalways_allow = ["192.0.2.1"]\n';
  assert.match(read(t, ipset + guard + smallText).warnings.join(), /always_allow means nothing/);
});

test('a door without services is warned of where no rule looks at it', t => {
  const text = smallText.replace('["tcp/22"]', '[]');
  assert.match(read(t, text).warnings.join(), /toml:7: door "ssh" opens nothing: .* no rule names @door_ssh/);
  for (const set of ['door_ssh', 'client6_laptop']) {
    const folder = folderWith(t, { 'x.nft': `chain x { ip6 saddr @${set} accept; }` });
    assert.deepEqual(read(t, text, folder).warnings, [], set);
  }
});

test('a door for single use that no rule takes anybody out of is warned of', t => {
  const text = smallText.replace('["tcp/22"]', '[]\nsingle_use = true');
  const warnings = (rule: string) =>
    read(t, text, folderWith(t, { 'x.nft': `chain x { ${rule} }` })).warnings;
  assert.match(
    warnings('ip saddr @door_ssh accept').join(),
    /toml:8: door "ssh" is open to more than one connection: no rule says delete @door_ssh or a client of it/,
  );
  for (const set of ['door_ssh', 'client_laptop'])
    assert.deepEqual(warnings(`ip saddr @${set} delete @${set} { ip saddr } accept`), [], set);
});

test('all that our own part of the table is made of is reserved', t => {
  const folder = datagramFolder(t);
  const numbered = '[[door]]\nname = "git"\nsequence_number = true\nservices = ["tcp/9418"]\n';
  const text = tableText(read(t, section('policy = "drop"\n', ssh + numbered), folder));
  const names = [...text.matchAll(/^ {2}(?:set|chain) (\S+) \{$/gm)].map(([, name = '']) => name);
  assert.ok(names.length > 15);
  assert.deepEqual(
    names.filter(name => !reservedNames.has(name) && !/^(?:door|client)6?_/.test(name)),
    [],
  );
});

test('named sets and rules stand behind our own part, and with more than 250 clients only those that rules name', t => {
  const rules = { 'x.nft': 'chain x { ip saddr @client_c7 accept; }' };
  const config = read(t, smallText);
  const few = tableText(config);
  assert.match(
    few,
    /set noisy6[\s\S]*set door_ssh \{\n {4}type ipv4_addr\n {4}size 8192\n {4}flags dynamic,timeout/,
  );
  for (const set of ['door6_ssh', 'client_laptop', 'client6_laptop'])
    assert.match(few, new RegExp(`set ${set} `));
  const clients = Array.from({ length: 251 }, (_, index) => ({ ...config.clients[0]!, name: `c${index}` }));
  const files = [{ path: 'x.nft', text: rules['x.nft'] }];
  const many = tableText({ ...config, clients, firewall: { backend: 'nftables', rules: files } });
  assert.deepEqual(many.match(/set client\S+/g), ['set client_c7', 'set client6_c7']);
  assert.ok(many.endsWith(`  # rules.d\n${rules['x.nft']}\n}\n`));
});

test('which sets rules name, and which they take addresses out of', () => {
  const text = '# @client_a\nchain x { ip saddr @client_b delete @client_c { ip saddr } accept; }';
  const files = [{ path: 'x.nft', text }];
  assert.deepEqual([...setsNamedIn(files)], ['client_b', 'client_c']);
  assert.deepEqual([...setsConsumedBy(files)], ['client_c']);
  for (const [text, consumed] of [
    ['chain x { delete @ client_c { ip saddr } }', ['client_c']],
    ['chain x { delete\\\n@client_c { ip saddr } }', ['client_c']],
    ['define c = @client_c\nchain x { ip saddr @client_b delete $c { ip saddr } }', ['client_c', 'client_b']],
  ] as const)
    assert.deepEqual([...setsConsumedBy([{ path: 'x.nft', text }])], consumed, text);
});

test('what nft finds is told with the place in its own file', () => {
  const rules = [
    { path: 'a.nft', text: 'one\ntwo' },
    { path: 'b.nft', text: 'three\n' },
    { path: 'c.nft', text: 'three\nfour\n' },
  ];
  const text = `table\nthree\n  # rules.d\n${rules.map(({ text }) => `${text}\n`).join('')}}\n`;
  const place = (line: number) => {
    const {
      file,
      line: own,
      message,
    } = nftFailed(`/dev/stdin:${line}:3-9: Error: wrong\nx\n^\n`, text, rules);
    return [file, own, message].join(' ');
  };
  assert.deepEqual([2, 4, 5, 6, 8, 9].map(place), [
    '  nft: wrong',
    'a.nft 1 nft: wrong',
    'a.nft 2 nft: wrong',
    'b.nft 1 nft: wrong',
    'c.nft 1 nft: wrong',
    'c.nft 2 nft: wrong',
  ]);
});

test('what is in no configuration any more is taken away, and what the same rules made stays', t => {
  const listing = `table inet portknock {
\tmap old { 
\t\ttype inet_service : verdict
\t}

\tset open4 {
\t}

\tset client_gone {
\t}

\tset door_ssh {
\t}

\tset mine {
\t}

\tchain others {
\t\ttype filter hook input priority filter; policy accept;
\t}

\tchain guard {
\t\ttype filter hook prerouting priority mangle; policy accept;
\t}

\tchain mine {
\t\ttype filter hook input priority filter; policy drop;
\t}
}
`.replace('old { ', 'old {');
  const config = read(t, smallText);
  const deleted = (isSame: boolean) =>
    deletionsFor(listing, config, isSame).replaceAll('inet portknock ', '').trim().split('\n');
  assert.deepEqual(deleted(false), [
    'delete map old',
    'delete set client_gone',
    'delete set mine',
    'delete chain others',
    'delete chain mine',
  ]);
  assert.deepEqual(deleted(true), ['delete set client_gone', 'delete chain others']);
});
