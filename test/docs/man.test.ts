/** That the manual pages are sound mdoc, and leave out nothing that the programs know. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { counterNames } from '../../src/daemon/counters.js';
import { tables } from '../../src/daemon/schema.js';
import { reasons } from '../../src/methods/knock.js';
import { read } from './protocol.js';

const folder = fileURLToPath(new URL('../../../man/', import.meta.url));
const portknockd = read('man/portknockd.8');
const ulogport = read('man/ulogport.8');

/** The items of a page's lists: what stands in their heads, and the text below. */
function items(page: string): { readonly head: string; readonly text: string }[] {
  const parts = page.split(/^(?=\.(?:It|El|S[hs]))/m).filter(part => part.startsWith('.It '));
  return parts.map(part => {
    const [head = '', ...text] = part.slice('.It '.length).split('\n');
    return { head: head.replaceAll('\\-', '-'), text: text.join(' ') };
  });
}

/** The names of an object's members, as its source spells them. */
function membersOf(source: string, opening: string): { readonly name: string; readonly line: string }[] {
  const start = source.indexOf(opening);
  assert.ok(start >= 0, opening);
  const body = source.slice(start + opening.length, source.indexOf('\n}', start));
  const indent = /\n( +)\w/.exec(body)![1]!;
  const lines = body.split('\n').filter(line => new RegExp(`^${indent}\\w+: \\{`).test(line));
  return lines.map(line => ({ name: line.trim().split(':')[0]!, line }));
}

const dashed = (name: string) => name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`);

/** Which options of these have no item of their own, with their short form. */
function missingOptions(page: string, options: ReturnType<typeof membersOf>): string[] {
  const heads = items(page).map(({ head }) => head);
  return options.flatMap(({ name, line }) => {
    const long = new RegExp(`Fl -${dashed(name)}(?: |$)`);
    const short = /short: '(\w)'/.exec(line)?.[1];
    const found = heads.some(
      head => long.test(head) && (short === undefined || new RegExp(`Fl ${short} `).test(head)),
    );
    return found ? [] : [name];
  });
}

/** Which keys of the configuration have no item, or one that does not say their default. */
function missingKeys(page: string): string[] {
  const found = items(page);
  return Object.values(tables).flatMap(({ entries }) =>
    Object.entries(entries).flatMap(([key, entry]) => {
      const entriesOf = found.filter(({ head }) => head === `Ic ${key}`);
      const given: unknown = 'default' in entry ? entry.default : undefined;
      const list = Array.isArray(given) && (given.join(', ') || 'none');
      const value = list || (given === undefined ? '' : String(given));
      const says = new RegExp(`(?:^|\\W)${value.replaceAll('.', '\\.')}(?:\\W|$)`);
      return entriesOf.some(({ text }) => says.test(text)) ? [] : [key];
    }),
  );
}

const mainSource = read('src/daemon/main.ts');
const options = membersOf(mainSource, 'const options = {');
const commands = membersOf(mainSource, '> = {');

test('every option of portknockd is in portknockd.8', () => {
  assert.ok(options.length > 10);
  assert.deepEqual(missingOptions(portknockd, options), []);
  for (const { name } of options) {
    const without = portknockd.replaceAll(new RegExp(`^\\.It.*Fl \\\\-${dashed(name)}\\b.*$`, 'gm'), '.It x');
    assert.ok(missingOptions(without, options).includes(name), name);
  }
});

test('every option of portknockd knockd is in portknockd.8', () => {
  const options = membersOf(read('src/daemon/knockd/main.ts'), 'const table = {');
  assert.ok(options.length > 10);
  assert.deepEqual(missingOptions(portknockd, options), []);
  assert.deepEqual(missingOptions(portknockd.replace('.It Fl 4 ,', '.It x'), options), ['onlyIpV4']);
});

test('every command of portknockd is in portknockd.8', () => {
  assert.ok(commands.length > 8);
  const heads = items(portknockd).map(({ head }) => head);
  for (const { name } of commands) {
    assert.ok(
      heads.some(head => head.startsWith(`Cm ${name}`)),
      name,
    );
  }
  const actions = mainSource.matchAll(/unknown\('command: (\w+)', action, \[([^\]]+)\]/g);
  for (const [, command, list] of actions) {
    for (const action of list!.match(/\w+/g)!) {
      assert.ok(
        heads.some(head => head.startsWith(`Cm ${command} ${action}`)),
        `${command} ${action}`,
      );
    }
  }
});

test('every key of the configuration is in portknockd.8, with its default', () => {
  assert.deepEqual(missingKeys(portknockd), []);
  assert.deepEqual(missingKeys(portknockd.replace('.It Ic skew', '.It Ic skewed')), ['skew']);
  assert.deepEqual(missingKeys(portknockd.replace('1s to 1h; 60s', '1s to 1h; 61s')), ['skew']);
});

test('every reason and every counter is in portknockd.8', () => {
  const heads = items(portknockd).map(({ head }) => head);
  const counters = counterNames.filter(name => !name.startsWith('refused '));
  assert.deepEqual(
    [...reasons, ...counters].filter(word => !heads.includes(word)),
    [],
  );
});

test('every option of ulogport is in ulogport.8', () => {
  const options = membersOf(read('src/ulogport.ts'), 'const optionTable = {');
  assert.ok(options.length >= 3);
  assert.deepEqual(missingOptions(ulogport, options), []);
});

test('every option of portknock is in portknock.1', () => {
  const page = read('man/portknock.1');
  const options = membersOf(read('src/client/invocation.ts'), 'const table = {').filter(
    // Those that belong to the head of another item.
    ({ name }) => !['door', 'name', 'host', 'force'].includes(name),
  );
  assert.ok(options.length > 15);
  assert.deepEqual(missingOptions(page, options), []);
  assert.deepEqual(missingOptions(page.replace('.It Fl u ,', '.It Fl U ,'), options), ['udp']);
});

const noMandoc = spawnSync('mandoc', ['-V']).error !== undefined && 'not installed: mandoc';

/** What mandoc finds in a page, but for other pages and its own index, which this machine need not have. */
function complaints(text: string): string[] {
  const { stdout } = spawnSync('mandoc', ['-T', 'lint', '-W', 'style'], { input: text, encoding: 'utf8' });
  return stdout.split('\n').filter(line => line !== '' && !line.includes('referenced manual not found'));
}

for (const name of readdirSync(folder)) {
  test(`mandoc has nothing against ${name}`, { skip: noMandoc }, () => {
    const page = read(`man/${name}`);
    assert.deepEqual(complaints(page), []);
    assert.notDeepEqual(complaints(page.replace('.Sh SEE ALSO', '.Sh SEE ALSO\n.Xx 1')), []);
  });
}
