/** That the pieces of which the tests in network namespaces are made do what they say. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventually } from './harness/eventually.js';
import { hasManyUsers, missing, notIsolated } from './harness/isolation.js';
import { Namespace } from './harness/namespace.js';
import { Network } from './harness/network.js';
import { Program, type Scope } from './harness/program.js';
import { SshServer } from './harness/ssh.js';

const port = 4711;

test('eventually waits for the answer, and ends with the last reason', async () => {
  let asked = 0;
  const third = () => {
    asked += 1;
    return asked === 3 && 'third';
  };
  assert.equal(await eventually('three', third), 'third');
  const never = () => {
    throw new Error('not yet');
  };
  await assert.rejects(eventually('never', never, 30), {
    message: /within 30 ms: never/,
    cause: new Error('not yet'),
  });
});

test('a program: lines, endings, signals', async t => {
  const shell = new Program(t, 'sh', ['-c', 'echo one; echo two >&2; exec sleep 60']);
  assert.equal(await shell.line(/^t/), 'two');
  assert.deepEqual(shell.lines, ['one', 'two']);
  await assert.rejects(shell.line(/three/, 50), /says \/three\/[\s\S]*one/);
  assert.deepEqual(await shell.stop(), { status: null, signal: 'SIGTERM' });
  await assert.rejects(shell.line(/three/), /ended before/);

  const failing = new Program(t, 'sh', ['-c', 'cat; exit 3'], { input: 'heard\n' });
  assert.deepEqual(await failing.end(), { status: 3, signal: null });
  assert.equal(failing.stdout, 'heard\n');
  assert.equal((await new Program(t, '/no/such/program', []).end()).status, 127);
});

test('a program ends with its test', async t => {
  let pid = 0;
  await t.test('inner', async inner => {
    pid = new Program(inner, 'sleep', ['60']).pid;
    process.kill(pid, 0);
  });
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
});

describe('networks', { skip: notIsolated }, () => {
  test('a namespace is gone after its test', async t => {
    let name = '';
    const list = async (namespace: Namespace) => (await namespace.exec('ip', ['netns', 'list'])).split(/\s/);
    const outer = await Namespace.create(t, 'outer');
    await t.test('inner', async inner => {
      const namespace = await Namespace.create(inner, 'inner');
      name = namespace.name;
      assert(name !== outer.name && (await list(outer)).includes(name));
      await assert.rejects(namespace.exec('false'), /ended with 1/);
    });
    assert(!(await list(outer)).includes(name));
  });

  for (const family of ['ipv4', 'ipv6'] as const) {
    test(`a port is open, refused or silent over ${family}`, async t => {
      const network = await serving(t, 'hello');
      const client = await network.addClient();
      const address = network.server[family];
      assert.equal(await client.portState(address, port), 'open');
      assert.equal(await client.greeting(address, port), 'hello');
      assert.equal(await client.portState(address, port + 1), 'refused');
      await network.server.namespace.nft(
        `table inet hush { chain in { type filter hook input priority 0; tcp dport ${port} drop; }; }`,
      );
      assert.equal(await client.portState(address, port), 'silent');
      assert.equal(await client.greeting(address, port), undefined);
    });

    test(`a router hides its client over ${family}`, async t => {
      const network = await serving(t, 'hello');
      const { client, router } = await network.addClientBehindRouter();
      const plain = await network.addClient();
      const address = network.server[family];
      assert.equal(await client.greeting(address, port), 'hello');
      await letIn(network, router[family]);
      assert.equal(await client.portState(address, port), 'open');
      assert.equal(await plain.portState(address, port), 'silent');
      await letIn(network, client[family]);
      assert.equal(await client.portState(address, port), 'silent');
    });

    test(`a forwarded port leads to the inner host over ${family}`, async t => {
      const network = await serving(t, 'server');
      const client = await network.addClient();
      const inner = await network.addInnerHost();
      await inner.serve(port, 'inner');
      await network.forward(8000, inner, port);
      assert.equal(await client.greeting(network.server[family], 8000), 'inner');
      assert.equal(await client.greeting(network.server[family], port), 'server');
    });
  }

  test('many attempts at once are told apart', async t => {
    const network = await serving(t, 'hello');
    const client = await network.addClient();
    const ports = Array.from({ length: 100 }, (_, index) => port + (index % 2));
    const states = await Promise.all(ports.map(each => client.portState(network.server.ipv4, each)));
    assert.deepEqual(
      states,
      ports.map(each => (each === port ? 'open' : 'refused')),
    );
  });
});

describe('ssh', { skip: missing('sshd', 'ssh', 'ssh-keygen') }, () => {
  for (const family of ['ipv4', 'ipv6'] as const) {
    test(`sshd lets ssh in over ${family}`, async t => {
      const { server, ...rest } = await callable(t);
      const call = rest.sshd.call(rest.client, server[family], 'id -u; echo $SSH_CONNECTION');
      assert.equal((await call.end()).status, 0, call.output);
      const [user, connection] = call.stdout.split('\n');
      assert.equal(user, hasManyUsers() ? '0' : '1000');
      assert(connection?.startsWith(`${rest.client[family]} `) && connection.endsWith(' 22'), connection);
    });
  }

  test('ssh goes through a ProxyCommand', async t => {
    const { client, server, sshd } = await callable(t);
    const proxy = ['-o', `ProxyCommand=${process.execPath} -e '${relay(server.ipv4)}'`];
    const call = sshd.call(client, 'name.invalid', 'echo through', proxy);
    await call.end();
    assert.equal(call.stdout, 'through\n', call.output);
  });

  test('sshd refuses a key that it does not know', async t => {
    const { client, server, sshd } = await callable(t);
    const other = await SshServer.start(t, server, 2222);
    const call = sshd.call(client, server.ipv4, 'echo in', [], other.keyFile);
    assert.equal((await call.end()).status, 255);
    assert.match(call.output, /Permission denied/);
  });
});

/** A network whose server serves a greeting on the port. */
async function serving(scope: Scope, greeting: string): Promise<Network> {
  const network = await Network.create(scope);
  await network.server.serve(port, greeting);
  return network;
}

async function callable(scope: Scope) {
  const network = await Network.create(scope);
  const sshd = await SshServer.start(scope, network.server);
  return { client: await network.addClient(), server: network.server, sshd };
}

/** Has the server answer this address alone. */
async function letIn(network: Network, address: string): Promise<void> {
  const from = address.includes(':') ? 'ip6 saddr' : 'ip saddr';
  await network.server.namespace.nft(`
    table inet only
    delete table inet only
    table inet only { chain in { type filter hook input priority 0; tcp dport ${port} ${from} != ${address} drop; }; }
  `);
}

function relay(address: string): string {
  return `const s = net.connect(22, "${address}"); process.stdin.pipe(s); s.pipe(process.stdout)`;
}
