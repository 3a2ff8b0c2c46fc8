/** Which service a datagram may have opened: the monitor's own check of what the listener asks for. */
import type { Reason } from '../methods/knock.js';
import type { Config, Door, Service, ServiceDoor } from './config.js';
import { formatService, parseService } from './schema.js';

const holderPrefix = 'cert:';

/** How the holder of a certificate is called: never as a client of the configuration, whose names have no colon. */
export function certificateHolder(name: string): string {
  return holderPrefix + name;
}

export function isCertificateHolder(client: string): boolean {
  return client.startsWith(holderPrefix);
}

/** The door with only the service that is asked for, as a datagram opens it; or why not. */
export function findAsked({ doors, datagram }: Config, service: Service): ServiceDoor | Reason {
  if (datagram === undefined) return 'not-allowed';
  const owners = doors.filter(door => hasService(door, service));
  const door = owners.find(owner => owner.datagram);
  const { openForMs } = datagram;
  if (door !== undefined) return { ...door, services: [service], openForMs };
  if (owners.length > 0) return 'not-allowed';
  return datagram.policy === 'none' ? 'unknown-command' : doorless(service, openForMs);
}

/** The door of this name; or a service of no door by its own, where datagrams may open it. */
export function findNamed(config: Config, name: string): Door | undefined {
  const service = parseService(name);
  if (service === undefined) return config.doors.find(door => door.name === name);
  const asked = findAsked(config, service);
  return typeof asked === 'object' && asked.name === name ? asked : undefined;
}

/** Whether what a datagram has opened may stay open. @param door its name, or a service of no door */
export function mayStayOpen(config: Config, door: string): boolean {
  const service = parseService(door);
  if (service !== undefined) return typeof findAsked(config, service) === 'object';
  const named = findNamed(config, door);
  return config.datagram !== undefined && named?.kind === 'services' && named.datagram;
}

function hasService(door: Door, { protocol, port }: Service): door is ServiceDoor {
  return (
    door.kind === 'services' && door.services.some(each => each.protocol === protocol && each.port === port)
  );
}

function doorless(service: Service, openForMs: number): ServiceDoor {
  const name = formatService(service);
  const unused = { command: undefined, sequence: undefined, singleUse: false, sequenceNumber: false };
  return { ...unused, kind: 'services', name, services: [service], openForMs, datagram: true };
}
