/** `portknockd firewall translate`: rules of iptables with sigknock's match → ours. */
import { readFileSync } from 'node:fs';
import { toIpset } from './ipsetrules.js';
import { parseLines } from './iptables.js';
import { toNftables } from './nftrules.js';
import { isTable } from './tables.js';
import { readToml } from './toml.js';

/** Whose signatures a client's are, as its configuration says. */
export interface User {
  readonly client: string;
  readonly openpgp: readonly string[];
}

/** So that its set's name is short enough for ipset. */
const longestName = 23;

/** What a configuration says of user ids, however much else of it is amiss; nothing where there is none. */
export function readUserIds(configFile: string): User[] {
  try {
    const clients: unknown = readToml(readFileSync(configFile, 'utf8'), configFile).value['client'];
    return (Array.isArray(clients) ? clients : []).filter(isTable).flatMap(({ name, openpgp }) => {
      const ids: unknown[] = Array.isArray(openpgp) ? openpgp : [openpgp];
      return typeof name === 'string'
        ? [{ client: name, openpgp: ids.filter(id => typeof id === 'string') }]
        : [];
    });
  } catch {
    return [];
  }
}

export function translate(
  text: string,
  { backend, users }: { readonly backend: 'nftables' | 'ipset'; readonly users: readonly User[] },
): string {
  const made = new Map<string, string>();
  const clientOf = (uid: string): string => {
    const found = users.find(({ openpgp }) => openpgp.some(id => isSame(id, uid)))?.client ?? made.get(uid);
    if (found !== undefined) return found;
    // A client that has nothing to sign with yet may be meant.
    const taken = users.filter(({ openpgp }) => openpgp.length > 0).map(({ client }) => client);
    const name = nameFor(uid, [...taken, ...made.values()]);
    made.set(uid, name);
    return name;
  };
  const lines = parseLines(text);
  const rules = backend === 'ipset' ? toIpset(lines, clientOf) : toNftables(lines, clientOf);
  const place =
    backend === 'ipset'
      ? 'its sets must be there first: portknockd firewall install, with [firewall] backend = "ipset"'
      : 'for a file such as rules.d/sigknock.nft beside portknockd.toml';
  const missing = [...made].map(
    ([uid, name]) =>
      `# no client has this user id yet: [[client]] name = "${name}", openpgp = ${JSON.stringify(uid)}\n`,
  );
  return `# made by portknockd firewall translate; ${place}\n${missing.join('')}${rules}`;
}

/** Whether two texts mean one user: whole user ids, or a name or an address alone. */
function isSame(one: string, other: string): boolean {
  return partsOf(one).includes(other) || partsOf(other).includes(one);
}

function partsOf(uid: string): string[] {
  const [, name = '', address = ''] = /^(.*?)\s*<([^<>]*)>$/.exec(uid) ?? [];
  return [uid, name, address].filter(part => part !== '');
}

function nameFor(uid: string, taken: readonly string[]): string {
  const [, name = uid] = partsOf(uid);
  const plain =
    name
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '-')
      .slice(0, longestName)
      .replaceAll(/^-+|-+$/g, '') || 'user';
  for (let number = 1; ; number++) {
    const numbered = number === 1 ? plain : `${plain.slice(0, longestName - 3)}-${number}`;
    if (!taken.includes(numbered)) return numbered;
  }
}
