/** `portknock datagram HOST --port tcp/2000`: the files that it names, and the job that they are. */
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { errorCode, OperatorError } from '../system/error.js';
import { readPfxFile } from '../system/pfx.js';
import { type Invocation, portArgument } from './invocation.js';
import { type Job, readDelivery, readTime, signedAddress } from './job.js';
import { findPassword } from './password.js';
import type { DatagramRequest, KnockDelivery } from './request.js';

type Datagram = Extract<Invocation, { form: 'datagram' }>;

const longestCertificateFile = 65_536;
/** sKnock's client knocks three times. */
const verifyRetries = 2;

/** @throws OperatorError */
export async function datagramJob({ host, options }: Datagram): Promise<Job> {
  const { port, pfx, serverCertificate, knockPort, passwordFile } = options;
  const needed = { '--port': port, '--pfx': pfx, '--server-certificate': serverCertificate };
  const missing = Object.entries(needed).flatMap(([name, value]) => (value === undefined ? [name] : []));
  if (port === undefined || pfx === undefined || serverCertificate === undefined) {
    throw new OperatorError('usage', `missing: ${missing.join(', ')}`, {
      hint: 'such as: portknock datagram HOST --port tcp/2000 --pfx client.pfx --server-certificate server.cer',
    });
  }
  const service = serviceArgument('--port', port);
  const delivery = verifying(service, options, readDelivery(host, options));
  const request: Omit<DatagramRequest, 'certificate' | 'key'> = {
    method: 'datagram',
    services: [service],
    serverCertificate: readFile(serverCertificate),
    knockPort: knockPort === undefined ? undefined : portArgument('--knock-port', knockPort),
    address: signedAddress(options.address),
  };
  const time = readTime(options.time);
  // Last, so that nobody types it in vain.
  const { certificate, key } = readPfxFile(pfx, await findPassword(passwordFile, pfx));
  const job = { place: host, purpose: service, manner: `for ${service}`, time };
  return { ...job, options: { ...request, certificate, key, ...delivery } };
}

/** `tcp/2000` or `udp/2000`; a port alone is one of TCP. @throws OperatorError `usage` */
function serviceArgument(name: string, text: string): string {
  const [, protocol = 'tcp', port = ''] = /^(?:(tcp|udp)\/)?(\d{1,5})$/.exec(text) ?? [];
  if (Number(port) >= 1 && Number(port) <= 65535) return `${protocol}/${Number(port)}`;
  throw new OperatorError('usage', `${name} expected a service such as "tcp/2000", got "${text}"`);
}

function verifying(service: string, { verify }: Datagram['options'], delivery: KnockDelivery): KnockDelivery {
  if (!verify) return delivery;
  if (delivery.wait !== undefined) {
    throw new OperatorError('usage', '--verify and --wait exclude each other', {
      hint: '--verify waits for the port that is asked for',
    });
  }
  // Nothing tells whether a port of UDP is open.
  if (!service.startsWith('tcp/')) return { ...delivery, timeoutMs: undefined, retries: undefined };
  return { ...delivery, wait: Number(service.slice(4)), retries: delivery.retries ?? verifyRetries };
}

function readFile(path: string): Uint8Array {
  try {
    const fd = openSync(path, 'r');
    try {
      const stat = fstatSync(fd);
      if (stat.isFile() && stat.size <= longestCertificateFile) return readFileSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    const why = errorCode(error) === 'ENOENT' ? 'no such file' : `cannot be read (${errorCode(error)})`;
    throw new OperatorError('unreadable-certificate', `${path}: ${why}`, {
      hint: 'it is the certificate of the server, PEM or DER',
    });
  }
  throw new OperatorError('unreadable-certificate', `${path}: no file with a certificate`);
}
