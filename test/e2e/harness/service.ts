/** A server with one service, a client, and what tests say of them most often. */
import assert from 'node:assert/strict';
import { eventually } from './eventually.js';
import type { Host } from './host.js';
import { Network } from './network.js';
import type { Program, Scope } from './program.js';

/** What the service says to whoever connects. */
export const greeting = 'hello from inside';

export async function plain(scope: Scope) {
  const network = await Network.create(scope);
  const client = await network.addClient();
  await network.server.serve(22, greeting);
  return { network, server: network.server, client };
}

export async function succeeds(program: Program): Promise<Program> {
  const { status } = await program.end();
  assert.equal(status, 0, program.output);
  return program;
}

export async function opens(from: Host, server: Host): Promise<void> {
  await eventually('opens', async () => (await from.greeting(server.ipv4, 22)) === greeting);
}
