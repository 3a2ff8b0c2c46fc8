/** The profile that goes with a client's certificate: which server, and which doors. */
import { formatRight, permits, type Right } from '../../methods/datagram/rights.js';
import { isHost } from '../../system/document.js';
import { OperatorError } from '../../system/error.js';
import { formatProfile, isProfileName } from '../../system/profile.js';
import type { ClientOptions } from '../invocation.js';
import { signedAddress } from '../job.js';
import { parseService } from '../service.js';
import type { Issued } from './certificate.js';
import { encodePem } from './pem.js';
import { type Issue, stateOf } from './records.js';
import { hint, warn } from './told.js';

/** Who gets it. */
export interface Receiver {
  readonly name: string;
  readonly rights: readonly Right[];
  readonly options: ClientOptions;
  readonly now: number;
}

/** A profile to be written as soon as the certificate is made. */
export interface Handout {
  /** The name of the server's certificate. */
  readonly server: string;
  write(issued: Issued): string;
}

type Doors = ReadonlyMap<string, readonly string[]>;

/** @returns undefined where none can be written, which is said @throws OperatorError */
export function makeProfile(issues: readonly Issue[], receiver: Receiver): Handout | undefined {
  const { name, options } = receiver;
  if (options.host !== undefined && !isHost(options.host)) {
    throw new OperatorError('usage', `--host expected a name or an address, got "${options.host}"`);
  }
  const address = signedAddress(options.address) ?? 'auto';
  const doors = doorsOf(receiver);
  const server = serverOf(issues, receiver);
  if (server === undefined) {
    hint('no profile is made: there is no server certificate yet (portknock ca server NAME)');
    return undefined;
  }
  if (doors.size === 0) {
    hint('no profile is made: no right names one service; add --service DOOR=tcp/22');
    return undefined;
  }
  if (options.host === undefined)
    hint('the profile names no host: import it with --host, or give --host here');
  const write = ({ certificate, key }: Issued) =>
    formatProfile({
      name: isProfileName(server.name) ? server.name : name,
      host: options.host,
      method: 'datagram',
      certificate: encodePem(certificate, 'CERTIFICATE'),
      key: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
      serverCertificate: encodePem(server.certificate, 'CERTIFICATE'),
      knockPort: undefined,
      address,
      doors: new Map([...doors].map(([door, services]) => [door, { services, singleUse: false }])),
    });
  return { server: server.name, write };
}

/** The server that was named, or the only one. @throws OperatorError */
function serverOf(issues: readonly Issue[], { options, now }: Receiver): Issue | undefined {
  const servers = issues.filter(issue => issue.kind === 'server' && stateOf(issue, now) === 'in date');
  const names = [...new Set(servers.map(({ name }) => name))];
  const wanted = options.server;
  if (wanted === undefined && names.length > 1) {
    throw new OperatorError('usage', `there are several servers: ${names.join(', ')}`, {
      hint: 'say whose profile it is to be: --server NAME',
    });
  }
  if (wanted !== undefined && !names.includes(wanted)) {
    throw new OperatorError('no-server', `no server certificate in date for "${wanted}"`, {
      hint: names.length === 0 ? `make one: portknock ca server ${wanted}` : `there are: ${names.join(', ')}`,
    });
  }
  // Of several of one name, the one that was made last.
  return servers.findLast(({ name }) => name === (wanted ?? names[0]));
}

/** A door for each single port, and those of --service. @throws OperatorError */
function doorsOf({ rights, options }: Receiver): Doors {
  const doors = new Map<string, readonly string[]>();
  for (const text of options.service) {
    const [door, service] = readService(text, rights);
    doors.set(door, [...new Set([...(doors.get(door) ?? []), service])]);
  }
  const given = new Set([...doors.values()].flat());
  for (const right of rights) {
    const text = formatRight(right);
    const isSingle = right.kind === 'ports' && right.first === right.last;
    if (isSingle && !given.has(text)) doors.set(text.replace('/', '-'), [text]);
    if (!isSingle && !isServed(right, given, doors)) {
      warn(`${text} names no single service, and is not in the profile: add --service DOOR=tcp/22`);
    }
  }
  return doors;
}

function isServed(right: Right, services: ReadonlySet<string>, doors: Doors): boolean {
  if (right.kind === 'door') return doors.has(right.door);
  return [...services].some(service => permits([right], parseService(service)!, undefined));
}

/** `web=tcp/443`. @throws OperatorError */
function readService(text: string, rights: readonly Right[]): [door: string, service: string] {
  const [door = '', service = '', ...rest] = text.split('=');
  const asked = parseService(service);
  if (rest.length > 0 || asked === undefined || !/^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/.test(door)) {
    throw new OperatorError('usage', `--service expected such as web=tcp/443, got "${text}"`);
  }
  if (permits(rights, asked, { name: door, services: [asked], isOpen: true })) return [door, service];
  throw new OperatorError('usage', `--service ${text}: no right permits it`, {
    hint: `add --right ${service} or --right door/${door}`,
  });
}
