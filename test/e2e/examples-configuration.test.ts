/** That the configurations in examples/ are sound as they stand, with keys of the reader's own, and leave nothing out. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { tables } from '../../src/daemon/schema.js';
import { Authority } from '../daemon/certified.js';
import { temporaryFolder, writeSecret } from './harness/folder.js';
import { project } from './harness/isolation.js';

const portknockd = `${project}/dist/src/daemon/portknockd.cjs`;

function readExample(name: string): string {
  return readFileSync(join(project, 'examples', name), 'utf8');
}

/** What stands for the files of certificates. */
const certified: Readonly<Record<string, string>> = {
  ca: 'ca.pem',
  server_key: 'server.key',
  server_certificate: 'server.pem',
  crl: 'crl.pem',
};
const authority = new Authority('Example CA', { to: '20361118000000Z' });
authority.issue('server', { to: '20361117000000Z' });
authority.list();

/** Copies a configuration to a folder with every file that it names. @returns its path there */
function prepare(t: TestContext, name: string): string {
  const folder = temporaryFolder(t, 'examples');
  for (const [, kind, file] of readExample(name).matchAll(/^(\w+)_file = "([^"]+)"/gm)) {
    const made = certified[kind!];
    const secret = kind === 'classic_passphrase' ? 'open sesame' : randomBytes(32).toString('hex');
    writeSecret(folder, file!, made === undefined ? secret : authority.read(made).toString());
  }
  for (const [, file] of readExample(name).matchAll(/^one_time_sequences = "([^"]+)"/gm)) {
    writeFileSync(join(folder, file!), '#1111,1112\n 2111,2112:udp,2113\n', { mode: 0o600 });
  }
  copyFileSync(join(project, 'examples', name), join(folder, name));
  return join(folder, name);
}

for (const [name, expected] of [
  [
    'portknockd.toml',
    [
      'guarded         tcp/22, tcp/443, tcp/8080, tcp/8443, tcp/9418, tcp/993, udp/51820',
      'window          tcp/40000 to 44095, a knock is any 19 of 32 SYNs (spelling = "spread")',
      'always allowed  192.0.2.0/24, 2001:db8:1::/48',
      'door            console (command 2) opens tcp/8443 for 10s, for one connection; a datagram opens it for 15s',
      'door            backup (command 4) runs /usr/local/bin/backup --for {client} {source}, and after 10m /usr/local/bin/backup-done {source}',
      'door            web (sequence 7000/tcp 8000/udp 6000/tcp within 25s) opens tcp/8080 for 30s; a datagram opens it for 15s',
      'door            mail (next one-time sequence 2111/tcp 2112/udp 2113/tcp within 25s) opens tcp/993 for 30s; a datagram opens it for 15s',
      'client          lost-laptop (id 6) may use ssh; removed',
      'numbers         tcp/9418 3 good at once: one guess in 1431655765 is right; at 10 a second one source needs 5y on average, 1000 sources 40h',
      'door            git (sequence number) lets one connection in to tcp/9418; a datagram opens it for 15s',
      'door            lab (command 6) opens its named sets for 30s',
      'door            vpn (command 3) opens udp/51820, tcp/443 for 5m',
      'datagrams       open a service of a door for 15s, clocks within 30s',
      'server          CN=server, until 2036-11-17',
      'authority       CN=Example CA, until 2036-11-18',
      'client          old-laptop (classic) may use report',
      'client          desk (sequence numbers) may use git',
    ],
  ],
  [
    'open-door.toml',
    [
      'guarded         no service',
      'door            ssh (command 1) runs /usr/local/sbin/open-door.sh open nftables 22 {source}, and after 30s /usr/local/sbin/open-door.sh close nftables 22 {source}',
    ],
  ],
] as const) {
  test(`portknockd check accepts ${name}`, t => {
    const file = prepare(t, name);
    const { status, stdout, stderr } = spawnSync(process.execPath, [portknockd, 'check', '--config', file], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
    assert.equal(stdout.split('\n')[0], `${file}: sound`);
    for (const line of expected) assert.ok(stdout.includes(`${line}\n`), `${line}\n---\n${stdout}`);
  });
}

test('what portknockd.toml says of an interface is sound too', t => {
  const file = prepare(t, 'portknockd.toml');
  const text = readExample('portknockd.toml');
  const other = text
    .replace(/^from = .*\n/m, '')
    .replace(/^# (from|interface) = /gm, '$1 = ')
    .replace('sequence_number = true ', 'command = 9 ')
    .replace(/\n\[datagram\][\s\S]*?\n(?=\n)/, '')
    .replace(/^datagram = .*\n/m, '')
    .replace(/\n# Its connections have sequence numbers[\s\S]*/, '\n');
  assert.match(other, /^from = "interface".*\ninterface = "eth0"/m);
  writeFileSync(file, other);
  const { status, stderr } = spawnSync(process.execPath, [portknockd, 'check', '--config', file], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
});

/** The keys that a text gives values to, as `door.open_for`, or could. */
function keysIn(text: string): Set<string> {
  let table = '';
  const keys = new Set<string>();
  for (const line of text.split('\n')) {
    table = /^\[+(\w+)\]+/.exec(line)?.[1] ?? table;
    const key = /^(?:# )?(\w+) = /.exec(line)?.[1];
    if (key !== undefined) keys.add(table === '' ? key : `${table}.${key}`);
  }
  return keys;
}

test('portknockd.toml has every key that there is', () => {
  const every = Object.entries(tables).flatMap(([table, { entries }]) =>
    Object.keys(entries).map(key => (table === '' ? key : `${table}.${key}`)),
  );
  assert.ok(every.length > 20);
  assert.deepEqual([...keysIn(readExample('portknockd.toml'))].sort(), every.sort());
});

test('portknockd.toml says the defaults', () => {
  const text = readExample('portknockd.toml');
  for (const [table, { entries }] of Object.entries(tables)) {
    for (const [key, entry] of Object.entries(entries)) {
      const value: unknown = 'default' in entry ? entry.default : undefined;
      if (value === undefined || Array.isArray(value)) continue;
      const lines = text.split('\n').filter(line => line.startsWith(`${key} = `));
      const said = lines.some(
        line =>
          line.includes(`default: ${String(value)}`) ||
          (line.startsWith(`${key} = ${JSON.stringify(value)}`) && line.includes('# default')),
      );
      assert.ok(said, `${table} ${key}: ${JSON.stringify(value)}`);
    }
  }
});
