/** One list from a server: conditional, through few redirects, of bounded length and time. */
import { longestList, type Validators } from './lists.js';

const mostRedirects = 5;
const longestValidator = 256;

/** What a server has answered; `undefined` bytes: what it said before still holds. */
export interface Download {
  readonly bytes: Buffer | undefined;
  readonly etag: string | undefined;
  readonly modified: string | undefined;
}

/** @param known what the same server said before @throws Error with a short message for a person */
export async function download(
  url: string,
  known: Validators | undefined,
  timeoutMs: number,
): Promise<Download> {
  const signal = AbortSignal.timeout(timeoutMs);
  const headers = {
    ...(known?.etag === undefined ? {} : { 'if-none-match': known.etag }),
    ...(known?.modified === undefined ? {} : { 'if-modified-since': known.modified }),
  };
  try {
    const response = await follow(url, headers, signal);
    const [etag, modified] = ['etag', 'last-modified'].map(name => validator(response.headers.get(name)));
    if (response.status === 304 && known !== undefined) return { bytes: undefined, etag, modified };
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new Error(`the server answers ${response.status}`);
    }
    return { bytes: await readBody(response), etag, modified };
  } catch (error) {
    throw signal.aborted
      ? new Error(`no whole answer within ${timeoutMs / 1000} s`)
      : new Error(reasonOf(error));
  }
}

async function follow(
  first: string,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<Response> {
  let url = new URL(first);
  for (let redirects = 0; redirects <= mostRedirects; redirects++) {
    const response = await fetch(url.href, { headers, signal, redirect: 'manual', credentials: 'omit' });
    const location = response.headers.get('location');
    if (![301, 302, 303, 307, 308].includes(response.status) || location === null) return response;
    await response.body?.cancel();
    const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
    const isAllowed = next?.protocol === 'https:' || (next?.protocol === 'http:' && url.protocol === 'http:');
    if (next === undefined || !isAllowed) throw new Error('the server redirects to what is no http or https');
    url = next;
  }
  throw new Error('the server redirects again and again');
}

async function readBody({ body }: Response): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body ?? []) {
    length += (chunk as Uint8Array).length;
    if (length > longestList) throw new Error(`the answer is longer than ${longestList >> 20} MiB`);
    chunks.push(chunk as Uint8Array);
  }
  return Buffer.concat(chunks);
}

/** To be sent back as it is, so no longer than need be. */
function validator(text: string | null): string | undefined {
  return text === null || text.length > longestValidator ? undefined : text;
}

/** Behind "fetch failed" stands what has failed. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  const inner = cause as (Error & { code?: string }) | undefined;
  return inner?.code ?? inner?.message ?? message;
}
