/** A thread in the signatory's place, for tests: it finds what it is given good, unless the door says otherwise. */
import { parentPort } from 'node:worker_threads';
import type { Answer, Order } from '../../src/daemon/signatory.js';
import type { Ready } from '../../src/daemon/thread.js';
import type { Claim, Judgement } from '../../src/methods/challenge/site.js';

const key = '4f'.repeat(20);
/** Clients that it was told, each time. */
const told: string[] = [];

function judge({ door }: Claim): Judgement {
  if (door === 'hang') for (;;);
  if (door === 'die') throw new Error('as it was asked to');
  if (door === 'flawed') return { flaw: 'not-touched', client: 'john', key };
  return { client: door === 'told' ? told.join(' ') : 'john', key };
}

parentPort?.on('message', (order: Order) => {
  if (order.say === 'settings') {
    const names = order.settings.signers.map(({ client }) => client);
    told.push(`${order.settings.verifyWith}: ${names.join(',')}`);
  } else {
    const answer: Answer = { say: 'judgements', judgements: order.claims.map(judge) };
    parentPort?.postMessage(answer);
  }
});
parentPort?.postMessage({ say: 'ready' } satisfies Ready);
