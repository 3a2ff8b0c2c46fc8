/** That translated rules are taken by nft inside our table, and by iptables beside our ipsets, and that they do what the lines say. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { Daemon, type DaemonSettings } from './harness/daemon.js';
import type { Host } from './harness/host.js';
import { missing } from './harness/isolation.js';
import { Network } from './harness/network.js';
import { succeeds } from './harness/service.js';

const settings: DaemonSettings = {
  doors: [{ name: 'ssh', command: 1, services: [] }],
  clients: [{ name: 'john-doe', id: 7 }],
};
const uid = 'John Doe <john@doe.com>';

/** The seed's lines, for a family; and some that use the match elsewhere. */
const lines = (
  program: string,
) => `${program} -A INPUT -p tcp --dport 22 -m state --state ESTABLISHED -j ACCEPT
${program} -A OUTPUT -p tcp --sport 22 -m state --state ESTABLISHED -j ACCEPT
${program} -A INPUT -p tcp --dport 22 -m state --state NEW -m sigknock --uid \\
"${uid}" --close-after-syn -j ACCEPT
${program} -A INPUT -p tcp --dport 22 -j DROP
${program} -t nat -A POSTROUTING -o eth0 -m sigknock --uid "${uid}" -j MASQUERADE
${program} -N mine
${program} -A FORWARD -i eth+ -m sigknock ! --uid "${uid}" -j mine
${program} -A mine -p udp -m multiport --dports 53,123 -j REJECT
`;
const script = lines('iptables') + lines('ip6tables');

async function translated(t: TestContext, server: Host, backend: 'nftables' | 'ipset') {
  const daemon = new Daemon(t, server, {
    ...settings,
    ...(backend === 'ipset' ? { firewall: { backend } } : {}),
  });
  const file = join(daemon.folder, 'rules.sh');
  writeFileSync(file, script);
  const program = await succeeds(daemon.command(['firewall', 'translate', file, '--backend', backend]));
  return { daemon, text: program.stdout };
}

async function letsInOnce(t: TestContext, backend: 'nftables' | 'ipset') {
  const network = await Network.create(t);
  const { server } = network;
  const client = await network.addClient();
  await server.serve(22, 'ssh');
  const { daemon, text } = await translated(t, server, backend);
  assert.doesNotMatch(text, /not translated|sigknock --uid/);
  if (backend === 'nftables') daemon.writeRules({ 'sigknock.nft': text });
  else {
    await succeeds(daemon.command(['firewall', 'install']));
    const file = join(daemon.folder, 'translated.sh');
    writeFileSync(file, text);
    await server.namespace.exec('sh', ['-e', file]);
    const log =
      '-t raw -A PREROUTING -p tcp --dport 40000:44095 --syn -j NFLOG --nflog-group 5 --nflog-size 256';
    for (const program of ['iptables', 'ip6tables']) await server.namespace.exec(program, log.split(' '));
  }
  await daemon.run();
  for (const address of [server.ipv4, server.ipv6]) {
    assert.equal(await client.portState(address, 22), 'silent');
    daemon.program?.forget();
    await succeeds(daemon.knock(client, [], { address, client: 'john-doe' }));
    await daemon.program?.line(/opened ssh/);
    assert.equal(await client.greeting(address, 22), 'ssh');
    assert.equal(await client.portState(address, 22), 'silent');
  }
}

describe('translated rules', { skip: missing('iptables', 'ip6tables', 'ipset') }, () => {
  test('in nftables let one connection in', t => letsInOnce(t, 'nftables'));
  test('with ipsets let one connection in', t => letsInOnce(t, 'ipset'));

  test('what iptables-save writes is loaded by iptables-restore', async t => {
    const { server } = await Network.create(t);
    const { daemon } = await translated(t, server, 'ipset');
    await succeeds(daemon.command(['firewall', 'install']));
    const saved = `*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp --dport 22 -m sigknock --uid "${uid}" --close-after-syn -j ACCEPT\nCOMMIT\n`;
    const file = join(daemon.folder, 'saved');
    writeFileSync(file, saved);
    const program = await succeeds(daemon.command(['firewall', 'translate', file, '--backend', 'ipset']));
    writeFileSync(file, program.stdout);
    await server.namespace.exec('sh', ['-c', `iptables-restore < ${file}`]);
    const rules = await server.namespace.exec('iptables', ['-S']);
    assert.match(rules, /-A INPUT .*--match-set client_john_doe src -j sigknock_1/);
  });
});
