/**
 * Serves a list of revoked certificates over http, or over https where it is given a key and a certificate:
 * `node listprogram.js PORT LIST [KEY CERTIFICATE]`. It says each answer on standard output. Without the file it is broken.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';

const [port, file = '', key, certificate] = process.argv.slice(2);

function read(): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const list = read();
  const etag = list && `"${createHash('sha256').update(list).digest('hex')}"`;
  const status = list === undefined ? 500 : request.headers['if-none-match'] === etag ? 304 : 200;
  response.writeHead(status, etag === undefined ? {} : { etag }).end(status === 200 ? list : undefined);
  process.stdout.write(`answered ${status}\n`);
}

const server =
  key === undefined || certificate === undefined
    ? createServer(answer)
    : createSecureServer({ key: readFileSync(key), cert: readFileSync(certificate) }, answer);
server.listen(Number(port), '127.0.0.1', () => process.stdout.write('serving\n'));
