/** The port of challenges: another program's, another one at a reload, or none at first. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Challenged, port } from './harness/challenged.js';
import { Daemon } from './harness/daemon.js';
import { notIsolated } from './harness/isolation.js';
import { plain } from './harness/service.js';

const another = `require('node:dgram').createSocket('udp4').bind(${port}, () => console.log('up'))`;

async function reload(site: Challenged, said: RegExp): Promise<void> {
  site.program.forget();
  site.program.signal('SIGHUP');
  await site.program.line(said);
}

describe('the port of challenges', { skip: notIsolated }, () => {
  test('where another program has it, that is said, and nothing starts', async t => {
    const site = new Challenged(t, await plain(t));
    site.configure();
    await site.server.namespace.start(process.execPath, ['-e', another]).line(/up/);
    const daemon = site.daemon.command(['run']);
    assert.equal((await daemon.end()).status, 1);
    assert.match(
      daemon.stderr,
      new RegExp(`error: .*cannot send challenges from UDP port ${port}: EADDRINUSE`),
    );
    assert.match(
      daemon.stderr,
      new RegExp(`hint: another program has it \\(see: ss -ulpn sport = :${port}\\)`),
    );
    assert.doesNotMatch(await site.server.namespace.exec('nft', ['list', 'tables']), /portknock/);
  });

  test('a section that is added works at once; taken away it is deaf; another port needs a restart', async t => {
    const site = await Challenged.start(t, { more: { challenge: undefined, doors: [], clients: [] } });
    assert.equal(await site.isAnswered(), false);
    site.configure();
    await reload(site, /: reloaded: /);
    assert.equal(await site.isAnswered(), true);
    site.configure({ challenge: { site_key_file: 'site.key', port: port + 1 } });
    await reload(site, new RegExp(`the port of \\[challenge\\] cannot change while running: it is ${port}`));
    assert.equal(await site.isAnswered(), true, 'what was before stays in force');
    site.configure({ more: { challenge: undefined, doors: [], clients: [] } });
    await reload(site, /: reloaded: /);
    assert.equal(await site.isAnswered(), false);
    site.configure();
    await reload(site, /: reloaded: /);
    const { response } = await site.ask();
    await site.asker.send(site.server.ipv4, port, response, 0);
    await site.program.line(/opened ssh for john/);
  });

  test('a reload that finds the port taken is refused, and works once that is free', async t => {
    const site = await Challenged.start(t, { more: { challenge: undefined, doors: [], clients: [] } });
    const other = site.server.namespace.start(process.execPath, ['-e', another.replace('udp4', 'udp6')]);
    await other.line(/up/);
    site.configure();
    await reload(site, /cannot send challenges from UDP port .*EADDRINUSE/);
    await other.kill();
    await reload(site, /: reloaded: /);
    assert.equal(await site.isAnswered(), true);
    assert.equal(await site.isAnswered(site.asker, site.door(site.server.ipv6)), true);
  });

  test('a machine without IPv6 does without it', async t => {
    const hosts = await plain(t);
    await hosts.server.namespace.configure('ipv6/conf/all/disable_ipv6', '1');
    const site = new Challenged(t, hosts);
    site.configure();
    await site.daemon.run();
    assert.equal(await site.isAnswered(), true);
  });

  test('a configuration without challenges takes no port', async t => {
    const { server } = await plain(t);
    const daemon = await Daemon.start(t, server);
    assert.doesNotMatch(await server.namespace.exec('ss', ['-ulpn']), /:\d+ .*users:/);
    await daemon.program?.stop();
  });
});
