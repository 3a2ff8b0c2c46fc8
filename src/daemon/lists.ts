/**
 * What the monitor and the process that fetches lists of revoked certificates say to each other, and how that text is read.
 *
 * The monitor does not read it: it keeps it and hands it on (daemon/revocation.ts).
 */
import type { IssuedList } from '../crypto/revocation.js';

/** What the process is to do. Bytes are in base64. */
export interface FetchTask {
  /** Certificates of authorities, DER. */
  readonly authorities: readonly string[];
  /** Content of a file with lists. */
  readonly file: string | undefined;
  /** http or https. */
  readonly url: string | undefined;
  /** Whether each authority is to have a list. */
  readonly required: boolean;
  /** How long the URL may take. */
  readonly timeoutMs: number;
  /** What it found the last time: the text of `Lists`. */
  readonly memory: string | undefined;
}

/** What it has found: one line of JSON, which the listener reads. */
export interface Lists {
  readonly lists: readonly IssuedList[];
  /** What the server said of the URL's lists, to be asked whether there are newer ones. */
  readonly validators: Validators | undefined;
}

export interface Validators {
  readonly url: string;
  /** Names of the authorities whose lists were looked for: with others, an old answer is not enough. */
  readonly authorities: readonly string[];
  readonly etag: string | undefined;
  readonly modified: string | undefined;
}

/** How the process ends: it has found all, or not all, and says on standard error what. */
export const endings = { good: 0, poor: 3 } as const;

/** Bytes of what it finds. */
export const longestLists = 32 << 20;
/** Bytes of a list, from a file or a server. */
export const longestList = 16 << 20;

const noLists: Lists = { lists: [], validators: undefined };

/** Reads what was found before; what cannot be read is nothing. */
export function parseLists(text: string | undefined): Lists {
  if (text === undefined || text === '') return noLists;
  try {
    const value: unknown = JSON.parse(text);
    return isLists(value) ? value : noLists;
  } catch {
    return noLists;
  }
}

function isLists(value: unknown): value is Lists {
  const { lists, validators } = (value ?? {}) as { lists?: unknown; validators?: unknown };
  return (
    Array.isArray(lists) && lists.every(isList) && (validators === undefined || isValidators(validators))
  );
}

function isList(value: unknown): value is IssuedList {
  const { authority, serials, from, until, number } = (value ?? {}) as Record<string, unknown>;
  return (
    typeof authority === 'string' &&
    Array.isArray(serials) &&
    serials.every(serial => typeof serial === 'string') &&
    typeof from === 'number' &&
    (until === undefined || typeof until === 'number') &&
    (number === undefined || (typeof number === 'string' && /^\d{1,200}$/.test(number)))
  );
}

function isValidators(value: unknown): value is Validators {
  const { url, authorities, etag, modified } = (value ?? {}) as Record<string, unknown>;
  return (
    typeof url === 'string' &&
    Array.isArray(authorities) &&
    [etag, modified].every(text => text === undefined || typeof text === 'string')
  );
}
