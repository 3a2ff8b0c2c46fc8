/** A service on port 22 that says everything again, and a conversation with it that lasts. */
import { eventually } from './eventually.js';
import type { Host } from './host.js';
import type { Program } from './program.js';

const echoService =
  "net.createServer(s => s.on('error', () => {}).pipe(s)).listen(22, '::', () => console.log('listening'))";

/** Connects from a host to the service that says everything again. */
export async function converse(from: Host, address: string): Promise<Program> {
  const call = `const s = net.connect(22, ${JSON.stringify(address)}); process.stdin.pipe(s); s.pipe(process.stdout)`;
  const program = from.namespace.start(process.execPath, ['-e', call]);
  await say(program, 'hello');
  return program;
}

export async function say(program: Program, text: string): Promise<void> {
  program.write(`${text}\n`);
  await eventually(`the answer to "${text}"`, () => program.stdout.includes(`${text}\n`));
}

export async function serveEcho(host: Host): Promise<void> {
  await host.namespace.start(process.execPath, ['-e', echoService]).line(/listening/);
}
