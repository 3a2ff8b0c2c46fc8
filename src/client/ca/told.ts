/** What the authority says to people. */
let isQuiet = false;

/** @param quiet whether only errors are said */
export function setQuiet(quiet: boolean): void {
  isQuiet = quiet;
}

export function tell(line: string): void {
  if (!isQuiet) process.stdout.write(`${line}\n`);
}

export function warn(message: string): void {
  if (!isQuiet) process.stderr.write(`portknock: warning: ${message}\n`);
}

export function hint(message: string): void {
  if (!isQuiet) process.stderr.write(`portknock: hint: ${message}\n`);
}

/** A moment, to the day, in UTC. */
export function dayText(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}
