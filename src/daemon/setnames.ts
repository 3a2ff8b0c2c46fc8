/** What the named sets of a door and of a client are called. Which of them there are is daemon/namedsets.ts's. */
/** A door's sets, or a client's: one of each address family. */
export interface NamedSet {
  readonly ipv4: string;
  readonly ipv6: string;
}

export type NamedKind = 'door' | 'client';

/** How the name of every named set begins. */
export const namedSetPattern = /^(?:client|door)6?_/;

/** ipset's own limit: 31 characters and a NUL. */
export const longestIpsetName = 31;

/** nft does not take every character of ours everywhere. */
export function namedSet(kind: NamedKind, name: string): NamedSet {
  const ending = name.replaceAll('-', '_');
  return { ipv4: `${kind}_${ending}`, ipv6: `${kind}6_${ending}` };
}
