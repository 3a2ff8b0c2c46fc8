/** A program for the server's side of a test: a service that does one simple thing with each connection. */
import { createServer, type Socket } from 'node:net';

const manners: Readonly<Record<string, (socket: Socket) => void>> = {
  /** Says again what it hears. */
  echo: socket => socket.pipe(socket),
  /** Says something and its end at once, and listens on; tells what it heard. */
  bye: socket => {
    let heard = '';
    socket.end('bye\n');
    socket.setEncoding('utf8').on('data', (text: string) => {
      heard += text;
    });
    socket.on('end', () => process.stdout.write(`heard ${heard}\n`));
  },
  /** Breaks off in the middle. */
  reset: socket => {
    socket.write('half a word');
    setTimeout(() => socket.resetAndDestroy(), 100);
  },
};

const talk = manners[process.argv[2] ?? ''];
// Tests find all files of this folder; only as a program does this one do anything.
if (talk !== undefined) {
  const server = createServer({ allowHalfOpen: true }, socket => {
    socket.on('error', () => {});
    talk(socket);
  });
  server.listen(Number(process.argv[3]), '::', () => process.stdout.write('ready\n'));
}
