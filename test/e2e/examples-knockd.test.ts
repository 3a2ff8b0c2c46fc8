/** That the unit which takes the place of Debian's knockd starts what that started, and has all that commands need. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { capabilities, Notifications, only, programPath, readUnit, type Unit } from './example-unit.js';
import { eventually } from './harness/eventually.js';
import { temporaryFolder } from './harness/folder.js';
import { hasManyUsers, listenerUser, missing, project } from './harness/isolation.js';
import { Network } from './harness/network.js';

const unit = readUnit('portknockd-knockd.service');
const debian = '/usr/lib/systemd/system/knockd.service';
const skip = missing('setpriv', 'iptables') || (!hasManyUsers() && 'there is one user only');

const configuration = `
[ssh]
  sequence = 7000,8000
  tcpflags = syn
  start_command = iptables -A INPUT -s %IP% -p tcp --dport 22 -j ACCEPT
  cmd_timeout = 60
  stop_command = iptables -D INPUT -s %IP% -p tcp --dport 22 -j ACCEPT
`;

test("what Debian's unit says of knockd, this says too", { skip: !existsSync(debian) && 'no knockd' }, () => {
  const theirs = new Map(
    Array.from(readFileSync(debian, 'utf8').matchAll(/^(\w+)=(.*)$/gm), match => [match[1]!, match[2]!]),
  );
  for (const key of ['EnvironmentFile', 'ExecReload', 'KillMode', 'SuccessExitStatus', 'ProtectSystem']) {
    assert.equal(only(unit, key), theirs.get(key), key);
  }
  const options = (command: string | undefined) => command?.split(' ').slice(1).join(' ');
  assert.equal(only(unit, 'ExecStart'), `${programPath} knockd ${options(theirs.get('ExecStart'))}`);
  assert.equal(only(unit, 'Conflicts'), 'knockd.service');
});

test('a knock runs iptables, a reload another configuration, and what is owed is run at the end', {
  skip,
}, async t => {
  const { server, client, program, notifications, configure } = await start(t, unit);
  await eventually('it is ready', () => notifications.all.includes('READY=1'));
  const rules = async () => (await server.namespace.exec('iptables', ['-S', 'INPUT'])).match(/--dport 22/g);
  const knock = async (...ports: number[]) => {
    for (const port of ports) await client.portState(server.ipv4, port);
  };
  await knock(7000, 8000);
  await eventually('the rule is there', async () => (await rules()) !== null);
  const other = configuration.replace('7000,8000', '7001,8001').replaceAll('dport 22', 'dport 23');
  configure(configuration + other.replace('[ssh]', '[other]'));
  program.signal('SIGHUP');
  await eventually(
    'it has reloaded',
    () => notifications.all.filter(text => text === 'READY=1').length === 2,
  );
  await knock(7001, 8001);
  const others = async () =>
    (await server.namespace.exec('iptables', ['-S', 'INPUT'])).includes('--dport 23');
  await eventually('the other rule is there', others);
  const { status } = await program.stop();
  assert.ok(only(unit, 'SuccessExitStatus').split(' ').includes(String(status)), program.output);
  assert.equal(await rules(), null);
  assert.equal(await others(), false);
});

for (const [capability, pattern] of [
  ['CAP_NET_RAW', /cannot listen on any: .*\n.*CAP_NET_RAW is missing/],
  ['CAP_SETUID', /the listener ended with status/],
  ['CAP_SETGID', /the listener ended with status/],
] as const) {
  test(`it does not start without ${capability}`, { skip }, async t => {
    const set = only(unit, 'CapabilityBoundingSet').split(' ');
    assert.ok(set.includes(capability));
    const rest = set.filter(name => name !== capability).join(' ');
    const { program } = await start(t, new Map([...unit, ['CapabilityBoundingSet', [rest]]]));
    assert.equal((await program.end()).status, 1);
    assert.match(program.output, pattern);
  });
}

/** Starts what the unit starts, with these options in its environment file. */
async function start(t: TestContext, what: Unit) {
  const network = await Network.create(t);
  const client = await network.addClient();
  const { server } = network;
  const folder = temporaryFolder(t, 'knockd', 0o755);
  const file = join(folder, 'knockd.conf');
  const configure = (text: string) => writeFileSync(file, text);
  configure(configuration);
  const own = `--user ${listenerUser()} --state-directory ${join(folder, 'state')}`;
  const given = `-i any -c ${file} ${own}`;
  const command = only(what, 'ExecStart').replace('$KNOCKD_OPTS', given).split(' ');
  assert.equal(command[0], programPath);
  const daemon = [process.execPath, `${project}/dist/src/daemon/portknockd.cjs`, ...command.slice(1)];
  const notifications = new Notifications(t, folder);
  const [program = '', ...argv] = [...capabilities(what), ...daemon];
  const env = { NOTIFY_SOCKET: notifications.path };
  const started = server.namespace.start(program, argv, { env });
  return { server, client, program: started, notifications, configure };
}
