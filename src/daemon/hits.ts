/** Hit lines on standard input: whatever writes them, a line is a SYN to a port (PROTOCOL.md section 3). */
import { HitLines } from '../net/lines.js';

export interface HitEvents {
  /** Lines have come. */
  begin(): void;
  hit(port: number, source: Uint8Array): void;
  /** So many lines in all were none. */
  malformed(count: number): void;
  /** Nothing more will come. */
  ended(): void;
}

export function readHits(events: HitEvents): void {
  const lines = new HitLines();
  const hit = (port: number, source: Uint8Array) => events.hit(port, source);
  process.stdin.setEncoding('latin1').on('data', (chunk: string) => {
    events.begin();
    lines.push(chunk, hit);
    events.malformed(lines.malformed);
  });
  process.stdin.on('end', () => {
    lines.end(hit);
    events.malformed(lines.malformed);
    events.ended();
  });
  process.stdin.on('error', () => events.ended());
}
