/** Keys that change while the daemon runs: who has one gets in from then on, who has none any more does not. */
import assert from 'node:assert/strict';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { sshKey } from '../daemon/sshkeys.js';
import { Challenged, port } from './harness/challenged.js';
import { eventually } from './harness/eventually.js';
import { temporaryFolder } from './harness/folder.js';
import { notIsolated } from './harness/isolation.js';
import { plain } from './harness/service.js';

/** A server that lets John in by the keys of a file, and that file. */
async function start(t: TestContext): Promise<{ readonly site: Challenged; readonly file: string }> {
  const site = new Challenged(t, await plain(t));
  const file = join(temporaryFolder(t, 'home'), 'authorized_keys');
  writeFileSync(file, `${site.signer.line}\n`, { mode: 0o600 });
  const doors = [{ name: 'ssh', services: ['tcp/22'], open_for: '5m' }];
  site.configure({ doors, more: { clients: [{ name: 'john', ssh_keys: file }] } });
  await site.daemon.run();
  return { site, file };
}

async function knock(site: Challenged): Promise<void> {
  const { response } = await site.ask();
  await site.asker.send(site.server.ipv4, port, response, 0);
}

describe('keys that change', { skip: notIsolated }, () => {
  test('a key that is taken out of its file is out, with what it has opened; put back, it opens again', async t => {
    const { site, file } = await start(t);
    await knock(site);
    await site.program.line(/opened ssh for john/);
    assert.equal(await site.client.portState(site.server.ipv4, 22), 'open');
    writeFileSync(`${file}.new`, '# nobody\n', { mode: 0o600 });
    renameSync(`${file}.new`, file);
    await site.program.line(/keys read again: john: none$/);
    await site.program.line(/closed ssh .*: no longer allowed$/);
    await site.shuts();
    await knock(site);
    await site.program.line(/refused: unknown-client: /);
    writeFileSync(file, `${site.signer.line}\n`, { mode: 0o600 });
    await site.program.line(/keys read again: john: ssh-ed25519 SHA256:/);
    site.program.forget();
    await knock(site);
    await site.program.line(/opened ssh for john/);
  });

  test('keys alone are read: a configuration that is being written stays out of force', async t => {
    const { site, file } = await start(t);
    await knock(site);
    await site.program.line(/opened ssh for john/);
    const text = readFileSync(site.daemon.configFile, 'utf8');
    writeFileSync(site.daemon.configFile, text.replace('tcp/22', 'tcp/23').replace('[[client]]', '[[clie'));
    writeFileSync(
      file,
      `${site.signer.line}\n# and more\nfrom="192.0.2.1" ${site.signer.line.slice(0, 40)}\n`,
    );
    await site.program.line(/client "john": .*authorized_keys:3: /);
    assert.equal(site.said(/not reloaded|reloaded:/), 0);
    assert.equal(await site.client.portState(site.server.ipv4, 22), 'open', 'what was open stays so');
    site.program.signal('SIGHUP');
    await site.program.line(/the configuration was not reloaded/);
  });

  test('a user who writes his file all the time is heard once in five seconds', async t => {
    const { site, file } = await start(t);
    const begun = performance.now();
    for (let count = 0; count < 3000; count++) {
      writeFileSync(file, count % 2 === 0 ? '# none\n' : `${site.signer.line}\n`);
      writeFileSync(join(dirname(file), `other${count % 10}`), '');
      if (count % 10 === 0) await sleep(1);
    }
    const last = sshKey();
    writeFileSync(file, `${last.line}\n`);
    const isRead = (line: string) => line.endsWith(`keys read again: john: ssh-ed25519 ${last.fingerprint}`);
    await eventually('the last key is read', () => site.program.lines.some(isRead), 20_000);
    const most = 2 + (performance.now() - begun) / 5000;
    assert.ok(site.said(/keys read again/) <= most, site.program.output);
    assert.equal((await site.daemon.command(['status']).end()).status, 0);
  });
});
