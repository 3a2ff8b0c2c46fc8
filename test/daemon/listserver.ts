/** A server of lists for tests, on loopback, that also does what servers should not. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';

/** Where a test or suite takes what is to be done at its end. */
interface Scope {
  after(undo: () => void | Promise<void>): void;
}

export type Manner =
  | { readonly body: Uint8Array; readonly etag?: string; readonly modified?: string }
  | { readonly status: number; readonly location?: string }
  /** It takes the request, and says nothing; or begins, and does not end. */
  | 'hangs'
  | 'begins'
  | 'hangs up'
  /** More than anybody wants. */
  | 'endless';

export class ListServer {
  readonly #server: Server;
  readonly #scheme: string;
  manner: Manner = { status: 404 };
  /** The requests so far: path, and the conditions of each. */
  readonly requests: { readonly path: string; readonly etag: unknown; readonly modified: unknown }[] = [];

  private constructor(tls: { readonly key: Buffer; readonly cert: Buffer } | undefined) {
    const answer = (request: IncomingMessage, response: ServerResponse) => this.#answer(request, response);
    this.#scheme = tls === undefined ? 'http' : 'https';
    this.#server = tls === undefined ? createServer(answer) : createSecureServer(tls, answer);
  }

  static async start(
    scope: Scope,
    tls?: { readonly key: Buffer; readonly cert: Buffer },
  ): Promise<ListServer> {
    const server = new ListServer(tls);
    await new Promise<void>(resolve => server.#server.listen(0, '127.0.0.1', resolve));
    scope.after(() => server.stop());
    return server;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  url(path = '/crl', host = '127.0.0.1'): string {
    return `${this.#scheme}://${host}:${(this.#server.address() as AddressInfo).port}${path}`;
  }

  #answer({ url = '', headers }: IncomingMessage, response: ServerResponse): void {
    const { 'if-none-match': etag, 'if-modified-since': modified } = headers;
    this.requests.push({ path: url, etag, modified });
    const { manner } = this;
    if (manner === 'hangs') return;
    if (manner === 'hangs up') return void response.destroy();
    if (manner === 'begins') return void response.writeHead(200, { 'content-length': 1000 }).write('x');
    if (manner === 'endless') return void flood(response);
    if ('status' in manner) {
      const location = manner.location === undefined ? {} : { location: manner.location };
      return void response.writeHead(manner.status, location).end();
    }
    const isKnown =
      manner.etag !== undefined
        ? etag === manner.etag
        : manner.modified !== undefined && modified === manner.modified;
    const validators = {
      ...(manner.etag === undefined ? {} : { etag: manner.etag }),
      ...(manner.modified === undefined ? {} : { 'last-modified': manner.modified }),
    };
    if (isKnown) response.writeHead(304, validators).end();
    else response.writeHead(200, validators).end(manner.body);
  }
}

/** Bounded all the same: some more than is taken. */
function flood(response: ServerResponse): void {
  const chunk = Buffer.alloc(1 << 20);
  let left = 40;
  const more = () => {
    while (left-- > 0) if (!response.write(chunk)) return void response.once('drain', more);
    response.end();
  };
  more();
}
