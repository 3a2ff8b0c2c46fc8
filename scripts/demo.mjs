/**
 * The demonstration: a server, a laptop and a stranger in networks of their own, the real portknockd and portknock.
 *
 * Every step checks what it says; where reality differs the program says so and ends with status 1. Run by
 * scripts/demo, which builds the pieces and makes the namespaces.
 */
import { windowLength } from '../dist/src/methods/port-sequence/spelling.js';
import { Daemon } from '../dist/test/e2e/harness/daemon.js';
import { eventually } from '../dist/test/e2e/harness/eventually.js';
import { missing } from '../dist/test/e2e/harness/isolation.js';
import { Network } from '../dist/test/e2e/harness/network.js';
import { SshServer } from '../dist/test/e2e/harness/ssh.js';

const port = 22;
const basePort = 40_000;
const windowSize = windowLength.spread;
const knockLength = 32;
const openForMs = 3000;
const recorderGroup = 9;

const colours = process.stdout.isTTY && !process.env.NO_COLOR;
const paint = (code, text) => (colours ? `\x1b[${code}m${text}\x1b[0m` : text);
const say = text => process.stdout.write(`${text}\n`);
const right = text => say(`   ${paint('32', '✓')} ${text}`);
const quote = text => say(paint('2', text.trimEnd().replace(/^/gm, '     │ ')));

let steps = 0;
function step(title) {
  steps += 1;
  say(`\n${paint('1', `${steps}. ${title}`)}`);
}

function expect(actual, expected, text) {
  if (actual !== expected) throw new Error(`expected: ${text}\n  wanted ${expected}, got ${actual}`);
  right(text);
}

async function main(scope) {
  const network = await Network.create(scope);
  const { server } = network;
  const laptop = await network.addClient();
  const stranger = await network.addClient();
  say(`server ${server.ipv4}   laptop ${laptop.ipv4}   stranger ${stranger.ipv4}`);
  await startService(scope, server);

  await showUnguarded(server, stranger);
  const daemon = await startDaemon(scope, server);
  await showSilence(server, laptop, stranger);
  const recorder = await startRecorder(server, laptop);
  const opened = await knock(daemon, laptop);
  await showOpen(server, laptop, stranger);
  await replay(daemon, laptop, recorder);
  await showClosed(server, laptop, opened);
  expect((await daemon.program.stop()).status, 0, 'portknockd ended when asked to');
  expect(
    await laptop.portState(server.ipv4, port),
    'silent',
    'without it the port stays closed: it fails shut',
  );
}

async function startService(scope, server) {
  if (missing('sshd', 'ssh-keygen'))
    await server.serve(port, 'Welcome! (a small service in the place of sshd)');
  else await SshServer.start(scope, server, port);
}

async function showUnguarded(server, stranger) {
  step('Without portknock, everybody sees the service');
  expect(await stranger.portState(server.ipv4, port), 'open', `the stranger connects to port ${port}`);
  quote(await stranger.greeting(server.ipv4, port, 2000));
}

async function startDaemon(scope, server) {
  step('portknockd starts on the server, and the service vanishes');
  const daemon = await Daemon.start(scope, server, {
    basePort,
    doors: [{ name: 'ssh', command: 1, services: [`tcp/${port}`], open_for: `${openForMs}ms` }],
  });
  quote(daemon.program.stderr);
  return daemon;
}

async function showSilence(server, laptop, stranger) {
  for (const [who, host] of Object.entries({ stranger, laptop })) {
    expect(await host.portState(server.ipv4, port), 'silent', `the ${who} gets no answer from port ${port}`);
  }
  const ports = Array.from({ length: windowSize }, (_, offset) => basePort + offset);
  const states = await Promise.all(ports.map(each => stranger.portState(server.ipv4, each)));
  const answers = states.filter(state => state !== 'silent').length;
  expect(answers, 0, `a scan of the ${windowSize} ports in which one knocks: ${answers} answers`);
}

/** Someone on the wire who writes down where the laptop's SYNs go: our own ulogport. */
async function startRecorder(server, laptop) {
  await laptop.namespace.nft(`table inet recorder { chain out {
    type filter hook output priority 0
    ip daddr ${server.ipv4} tcp dport ${basePort}-${basePort + windowSize - 1} log group ${recorderGroup}
  }; }`);
  const ulogport = new URL('../dist/src/ulogport.cjs', import.meta.url).pathname;
  const recorder = laptop.namespace.start(process.execPath, [
    decodeURIComponent(ulogport),
    '--group',
    String(recorderGroup),
  ]);
  const groups = () => laptop.namespace.exec('cat', ['/proc/net/netfilter/nfnetlink_log']);
  await eventually('the recorder listens', async () => /^ *9 /m.test(await groups()));
  return recorder;
}

async function knock(daemon, laptop) {
  step('The laptop knocks');
  say(
    paint(
      '2',
      `     $ portknock ${daemon.host.ipv4} ${basePort} 1 --spelling spread --client-id 7 … --wait ${port}`,
    ),
  );
  const client = daemon.knock(laptop, ['--wait', String(port), '--timeout', '5s']);
  const { status } = await client.end();
  const opened = performance.now();
  quote(client.stdout + client.stderr);
  expect(status, 0, 'portknock reports success; portknockd says:');
  quote(await daemon.program.line(/opened/));
  return opened;
}

async function showOpen(server, laptop, stranger) {
  step('The port is open for the laptop, and for nobody else');
  const asked = performance.now();
  const greeting = await laptop.greeting(server.ipv4, port, 2000);
  const ms = (performance.now() - asked).toFixed(1);
  expect(greeting !== undefined, true, `the laptop is connected; the service spoke after ${ms} ms:`);
  quote(greeting);
  expect(await stranger.portState(server.ipv4, port), 'silent', 'the stranger still gets no answer');
}

async function replay(daemon, laptop, recorder) {
  step('Someone recorded the knock and plays it again, even from the same address');
  const ports = await eventually('the knock was recorded', () => {
    // What it warns of stands among its lines.
    const hits = recorder.lines.flatMap(line => /^(\d+) /.exec(line)?.[1] ?? []).map(Number);
    return hits.length >= knockLength && hits.slice(-knockLength);
  });
  say(paint('2', `     SYNs to ${ports.join(' ')}`));
  daemon.program.forget();
  await laptop.tap(daemon.host.ipv4, ports);
  quote(await daemon.program.line(/replayed/));
  right('refused: a knock is good for one time');
}

async function showClosed(server, laptop, opened) {
  step(`After ${openForMs / 1000} seconds it is silent again`);
  const closed = async () => {
    const asked = performance.now();
    return (await laptop.portState(server.ipv4, port)) === 'silent' && asked;
  };
  const seen = await eventually('the port closes', closed, openForMs + 2000);
  const seconds = ((seen - opened) / 1000).toFixed(1);
  right(`nobody closed it: the kernel's own clock did, seen ${seconds} s after the knock`);
}

const undone = [];
try {
  await main({ after: undo => undone.push(undo) });
  say(`\n${paint('32;1', 'Everything happened as it should.')}`);
} catch (error) {
  process.exitCode = 1;
  say(`   ${paint('31', '✗')} ${error instanceof Error ? error.message : error}`);
  say(`\n${paint('31;1', 'The demonstration failed.')}`);
} finally {
  for (const undo of undone.reverse()) await undo();
}
