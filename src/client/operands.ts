/** `portknock sequence HOST PORT…`: the ports as knock(1) takes them, and the job that they are. */
import { existsSync } from 'node:fs';
import { type Operand, parseOperand } from '../methods/plain-sequence/compose.js';
import { formatStep } from '../methods/plain-sequence/format.js';
import { udp } from '../net/packet.js';
import { OperatorError } from '../system/error.js';
import type { Invocation } from './invocation.js';
import { type Job, readDelivery } from './job.js';
import { mostSteps } from './plainsequence.js';
import type { PlainSequenceRequest } from './request.js';

const servicesFile = '/etc/services';

type Sequence = Extract<Invocation, { form: 'sequence' }>;

/** @throws OperatorError */
export async function sequenceJob({ host, operands, options }: Sequence): Promise<Job> {
  const delivery = readDelivery(host, options);
  const { oneTimeSequences } = options;
  const request: PlainSequenceRequest = { method: 'plain-sequence' };
  const job = { place: host, purpose: 'sequence', time: undefined };
  if (oneTimeSequences !== undefined) {
    const manner = 'with a one-time sequence';
    return { ...job, manner, options: { ...request, oneTimeSequences, ...delivery } };
  }
  const sequence = await readSequence(operands, options.udp);
  const manner = sequence.length === 1 ? 'at 1 port' : `at ${sequence.length} ports`;
  return { ...job, manner, options: { ...request, sequence, ...delivery } };
}

/** Ports in the spelling of requests. @param allUdp whatever protocol each names @throws OperatorError `usage` */
export async function readSequence(operands: readonly string[], allUdp: boolean): Promise<string[]> {
  if (operands.length > mostSteps) {
    throw new OperatorError('usage', `too many ports: ${operands.length}`, {
      hint: `at most ${mostSteps}; a server takes 32 for a door`,
    });
  }
  const sequence: string[] = [];
  for (const text of operands) {
    const operand = parseOperand(text);
    if ('mistake' in operand) throw new OperatorError('usage', operand.mistake, { hint: operand.hint });
    const protocol = allUdp ? udp : operand.protocol;
    sequence.push(formatStep({ protocol, port: await portOf({ ...operand, protocol }) }));
  }
  return sequence;
}

async function portOf({ protocol, port: name }: Operand): Promise<number> {
  if (typeof name === 'number') return name;
  if (process.platform !== 'linux') {
    throw new OperatorError('usage', `"${name}" is no number`, {
      hint: 'names of services are looked up on Linux alone',
    });
  }
  // Loaded for those who want it: it brings a library with it.
  const { servicePort } = await import('../net/services.js');
  const word = protocol === udp ? 'udp' : 'tcp';
  const port = servicePort(name, word);
  if (port !== undefined) return port;
  const other = word === 'udp' ? 'tcp' : 'udp';
  const elsewhere = servicePort(name, other);
  throw new OperatorError('usage', `no ${word.toUpperCase()} service is called "${name}"`, {
    hint: hintFor(name, other, elsewhere),
  });
}

function hintFor(name: string, other: string, elsewhere: number | undefined): string {
  if (elsewhere !== undefined) return `there is ${name}:${other}; or give the number, ${elsewhere}`;
  if (!existsSync(servicesFile)) return `there is no ${servicesFile} here; give the number`;
  return `give the number, or see the names in ${servicesFile}`;
}
