/** Ports by the names of their services, as the C library knows them (/etc/services). Linux only, loaded on first use. */
import koffi from 'koffi';

const entry = {
  s_name: 'const char *',
  s_aliases: 'void *',
  s_port: 'int',
  s_proto: 'const char *',
};

interface Entry {
  /** In network order. */
  readonly s_port: number;
}

let lookUp: ((name: string, protocol: string) => Entry | null) | undefined;

/** The port of a service, 1 to 65535; undefined where the system knows none. @param protocol such as `tcp` */
export function servicePort(name: string, protocol: 'tcp' | 'udp'): number | undefined {
  lookUp ??= load();
  const found = lookUp(name, protocol);
  return found === null ? undefined : networkOrder(found.s_port);
}

function load(): (name: string, protocol: string) => Entry | null {
  const servent = koffi.struct(entry);
  const find = koffi.load(null).func('void *getservbyname(const char *, const char *)');
  return (name, protocol) => {
    const pointer: unknown = find(name, protocol);
    return pointer === null ? null : (koffi.decode(pointer, servent) as Entry);
  };
}

/** The two bytes of a port, as they lie in memory, read as the network means them. */
function networkOrder(value: number): number {
  return Buffer.from(Uint16Array.of(value & 0xffff).buffer).readUInt16BE(0);
}
