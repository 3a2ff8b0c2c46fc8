/** The authority ended at every step of a change: what was handed out is in the records, and it goes on. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { describe, test } from 'node:test';
import { AuthorityFolder } from '../../../src/client/ca/folder.js';
import { readIssues, readRevoked } from '../../../src/client/ca/records.js';
import { readList } from '../../../src/client/ca/revocation.js';
import { readPfxFile } from '../../../src/system/pfx.js';
import { Authority, noOpenssl, password } from './authority.js';
import { environmentOf, type Fault } from './faults.js';

const commands = ['issue new --right tcp/22', 'revoke old', 'crl'];

/** Runs a command with a fault. @returns whether it came to its end */
async function run(ca: Authority, words: string, fault: Fault): Promise<boolean> {
  return (await ca.run(words, { env: environmentOf(ca.user.folder, fault) })).status === 0;
}

function copyFrom(origin: Authority, ca: Authority): void {
  rmSync(ca.path, { recursive: true, force: true });
  cpSync(origin.path, ca.path, { recursive: true });
}

/** What a command does to files, step by step. */
async function stepsOf(ca: Authority, words: string): Promise<string[]> {
  const steps = `${ca.user.folder}/steps`;
  rmSync(steps, { force: true });
  assert.ok(await run(ca, words, { kind: 'none', step: 0, steps }));
  return readFileSync(steps, 'utf8').replaceAll(`${ca.path}/`, '').trimEnd().split('\n');
}

/** The steps before which it matters to be ended: the others change nothing that the next program could see. */
function changing(steps: readonly string[]): number[] {
  return steps.flatMap((line, at) => (/^(?:mkdir|writeFile|rename|rm)Sync/.test(line) ? [at + 1] : []));
}

interface Found {
  readonly names: readonly string[];
  readonly revoked: number;
  readonly number: number;
  readonly files: readonly string[];
}

/** What the next program finds. */
async function look(ca: Authority): Promise<Found> {
  const folder = await AuthorityFolder.open(ca.path, false);
  try {
    const { number } = readList(folder.read('crl.pem')!)!;
    const names = readIssues(folder).map(({ name }) => name);
    return { names, revoked: readRevoked(folder).length, number, files: ca.files() };
  } finally {
    folder.close();
  }
}

/** What must hold of every authority. */
function requireSound(ca: Authority, { names, files, revoked }: Found, before: Found): void {
  assert.deepEqual(
    files.filter(file => /pending|tmp/.test(file)),
    [],
  );
  assert.equal(files.includes('new.pfx'), names.includes('new'));
  assert.equal(files.includes('server-office.key'), names.includes('office'));
  assert.equal(files.includes('server-office.cer'), names.includes('office'));
  if (names.includes('new')) readPfxFile(`${ca.path}/new.pfx`, password);
  for (const file of before.files) assert.ok(files.includes(file), file);
  const listed = ca.openssl('crl -in crl.pem -noout -text').match(/Serial Number/g)?.length ?? 0;
  assert.equal(listed, revoked);
}

describe('ended at every step', { skip: noOpenssl, concurrency: true }, () => {
  for (const words of commands) {
    test(words, async t => {
      const origin = new Authority(t);
      await origin.do('init');
      await origin.do('issue old --right tcp/22');
      const before = await look(origin);
      const ca = new Authority(t);
      copyFrom(origin, ca);
      const steps = changing(await stepsOf(ca, words));
      const outcomes = new Set<boolean>();
      for (const step of steps) {
        copyFrom(origin, ca);
        assert.ok(!(await run(ca, words, { kind: 'kill-half', step })));
        const found = await look(ca);
        requireSound(ca, found, before);
        assert.ok(found.number >= before.number);
        outcomes.add(found.files.join() !== before.files.join() || found.number !== before.number);
      }
      assert.deepEqual(outcomes, new Set([false, true]));
      const { number } = await look(ca);
      await ca.do('issue another --right tcp/22');
      await ca.do('revoke another');
      assert.ok((await look(ca)).number > number);
    });
  }
});

test('ended while it finishes what was interrupted, it is finished by the next', {
  skip: noOpenssl,
}, async t => {
  const origin = new Authority(t);
  await origin.do('init');
  await origin.do('issue old --right tcp/22');
  const before = await look(origin);
  const [interrupted, ca] = [new Authority(t), new Authority(t)];
  copyFrom(origin, interrupted);
  const words = 'issue new --right tcp/22';
  const all = await stepsOf(interrupted, words);
  const happened = all.findIndex(line => /^renameSync portknock-pending\.tmp /.test(line)) + 1;
  copyFrom(origin, interrupted);
  assert.ok(!(await run(interrupted, words, { kind: 'kill', step: happened + 1 })));
  copyFrom(interrupted, ca);
  const { stderr } = await ca.run('list');
  assert.match(stderr, /hint: what was interrupted before is finished: issued\/\w+\.pem, new\.pfx$/m);
  copyFrom(interrupted, ca);
  const steps = changing(await stepsOf(ca, 'list'));
  assert.ok(steps.length > 2);
  for (const step of steps) {
    copyFrom(interrupted, ca);
    assert.ok(!(await run(ca, 'list', { kind: 'kill', step })));
    const found = await look(ca);
    requireSound(ca, found, before);
    assert.deepEqual(found.names, ['new', 'old']);
  }
});

test('ended in the middle of being made, there is an authority or none', async t => {
  const ca = new Authority(t);
  const outcomes = new Set<boolean>();
  for (const step of changing(await stepsOf(ca, 'init'))) {
    rmSync(ca.path, { recursive: true, force: true });
    assert.ok(!(await run(ca, 'init', { kind: 'kill', step })));
    if (existsSync(ca.path)) (await AuthorityFolder.open(ca.path, false)).close();
    const files = existsSync(ca.path) ? ca.files() : [];
    assert.ok(files.length === 0 || files.join() === 'ca.key,ca.pem,crl.pem', files.join());
    outcomes.add(files.length === 0);
  }
  assert.deepEqual(outcomes, new Set([false, true]));
});

test('without room, nothing is changed, and it is said', { skip: noOpenssl }, async t => {
  const origin = new Authority(t);
  await origin.do('init');
  await origin.do('issue old --right tcp/22');
  const before = await look(origin);
  const ca = new Authority(t);
  copyFrom(origin, ca);
  const words = 'issue new --right tcp/22';
  const all = await stepsOf(ca, words);
  const committed = all.findIndex(line => /^renameSync portknock-pending\.tmp /.test(line)) + 1;
  const steps = changing(all).filter(step => step <= committed && !all[step - 1]!.startsWith('rmSync'));
  assert.ok(steps.length > 4);
  for (const step of steps) {
    copyFrom(origin, ca);
    const { status, stderr } = await ca.run(words, {
      env: environmentOf(ca.user.folder, { kind: 'ENOSPC', step }),
    });
    assert.equal(status, 1);
    assert.match(stderr, /the disk is full \(ENOSPC\); nothing was changed\n.*make room/);
    assert.deepEqual(ca.files(), before.files);
    assert.deepEqual(await look(ca), before);
  }
});

test('what a change consists of is on the disk before it happens, and the record before what is handed out', async t => {
  const ca = new Authority(t);
  await ca.do('init');
  const lines = await stepsOf(ca, 'issue laptop --right tcp/22');
  const at = (pattern: RegExp) => {
    const found = lines.findIndex(line => pattern.test(line));
    assert.ok(found >= 0, `${pattern}\n${lines.join('\n')}`);
    return found;
  };
  const order = [
    at(/^writeFileSync portknock-pending\.tmp\/laptop\.pfx/),
    at(/^fsyncSync portknock-pending\.tmp\/laptop\.pfx/),
    at(/^fsyncSync portknock-pending\.tmp\/issued$/),
    at(/^renameSync portknock-pending\.tmp portknock-pending$/),
    at(/^renameSync portknock-pending\/issued\/\w+\.pem issued\//),
    at(/^fsyncSync issued$/),
    at(/^renameSync portknock-pending\/laptop\.pfx laptop\.pfx$/),
  ];
  assert.deepEqual(
    order,
    order.toSorted((a, b) => a - b),
  );
  assert.ok(at(/^fsyncSync portknock-pending\.tmp\/issued\/\w+\.pem/) < order[3]!);
});
